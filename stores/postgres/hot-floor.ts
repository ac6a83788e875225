/** The hot floor: critical events with ids from here on are in record.event, those below it in the archive. */
import type { PendingQuery, Row, Sql, TransactionSql } from 'postgres';

/** The floor as an expression of type uuid, for a query that has more to ask. It moves in the transaction that drops rows. */
export const hotFloor = (tx: Sql | TransactionSql): PendingQuery<Row[]> => tx`(select floor from archive.hot_floor)`;

/** The floor as of now. */
export async function hotFloorNow(tx: TransactionSql): Promise<string> {
  const [row] = await tx`select floor from archive.hot_floor`;
  return String(row!.floor);
}
