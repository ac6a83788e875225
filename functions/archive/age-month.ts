/**
 * Whether a tenant's month of record.event is whole in the archive.
 *
 * First by sums: as many lines with the same sum on both sides are the same lines, and neither side is held in memory.
 * Where sums differ, or the archive has more of the month than the table does (what came late for a month that was
 * dropped before), each row's line is looked for in the archive, page by page.
 */
import type { AgedMonth, HotMonth, HotRow, HotRows } from '#core/archive/age-ports.ts';
import type { ArchiveChunk } from '#core/archive/file.ts';
import { LinesSum } from '#core/archive/lines-sum.ts';
import type { BlockReader } from '#core/query/ports.ts';
import { keyOf, mayContain } from '#core/record/membership.ts';

export interface AgeMonthPorts {
  readonly hot: Pick<HotRows, 'count' | 'rows' | 'chunks'>;
  readonly blocks: BlockReader;
  /** 32 bytes. */
  readonly digest: (line: string) => Uint8Array;
  /** False when the run's time is over. */
  readonly goesOn: () => boolean;
}

/** What was found; `late` when the run's time was over before everything was looked at. */
export type Verdict =
  | ({ readonly verdict: 'whole' } & Omit<AgedMonth, 'verifiedAt'>)
  | { readonly verdict: 'lacks'; readonly rows: number; readonly archived: number; readonly missing: number }
  | { readonly verdict: 'late' };

/** Rows of one page: about 1.5 MB. */
const rowsAtOnce = 2_000;
/** A chunk is 60 KB in Postgres, and its 16 blocks are 2 MB of lines. */
const chunksAtOnce = 8;

export async function ageMonth(ports: AgeMonthPorts, tenant: string, month: HotMonth): Promise<Verdict> {
  const stored = await sumOfRows(ports, tenant, month);
  if (!stored) return { verdict: 'late' };
  const whole = { verdict: 'whole', events: stored.count, linesSum: stored.hex } as const;
  if (stored.count === 0) return whole;
  let archived = 0;
  if (!month.isLate) {
    const sum = await sumOfArchive(ports, tenant, month);
    if (!sum) return { verdict: 'late' };
    if (sum.count === stored.count && sum.hex === stored.hex) return whole;
    archived = sum.count;
  }
  const missing = await lookForEach(ports, tenant, month);
  if (missing === undefined) return { verdict: 'late' };
  return missing === 0 ? whole : { verdict: 'lacks', rows: stored.count, archived, missing };
}

async function sumOfRows(ports: AgeMonthPorts, tenant: string, month: HotMonth): Promise<LinesSum | undefined> {
  const sum = new LinesSum();
  for await (const rows of pagesOf(ports, tenant, month)) {
    if (!ports.goesOn()) return undefined;
    for (const { line } of rows) sum.add(ports.digest(line));
  }
  return sum;
}

async function* pagesOf({ hot }: AgeMonthPorts, tenant: string, month: HotMonth): AsyncGenerator<readonly HotRow[]> {
  for (let after: string | undefined; ; ) {
    const rows = await hot.rows(tenant, month, after, rowsAtOnce);
    if (rows.length > 0) yield rows;
    if (rows.length < rowsAtOnce) return;
    after = rows.at(-1)!.id;
  }
}

async function sumOfArchive(ports: AgeMonthPorts, tenant: string, month: HotMonth): Promise<LinesSum | undefined> {
  const sum = new LinesSum();
  const range = { from: month.from, upTo: month.past };
  for await (const chunk of chunksOf(ports, tenant, range)) {
    if (!ports.goesOn()) return undefined;
    for (const text of await ports.blocks.read(chunk, chunk.blocks)) {
      for (const line of linesOf(text)) {
        const id = idOf(line);
        if (id >= month.from && id < month.past) sum.add(ports.digest(line));
      }
    }
  }
  return sum;
}

async function* chunksOf(
  { hot }: AgeMonthPorts,
  tenant: string,
  ids: { readonly from: string; readonly upTo: string },
): AsyncGenerator<ArchiveChunk> {
  for (let after: ArchiveChunk | undefined; ; ) {
    const chunks = await hot.chunks(tenant, ids, after, chunksAtOnce);
    yield* chunks;
    if (chunks.length < chunksAtOnce) return;
    after = chunks.at(-1)!;
  }
}

/**
 * How many rows have no line in the archive. A row whose id the archive has with another line is a repeat that came late:
 * the archive keeps the line of the smallest leaf, and that one is the event. Only a month that was dropped before can
 * have such rows: until then the table itself refuses a second one.
 */
async function lookForEach(ports: AgeMonthPorts, tenant: string, month: HotMonth): Promise<number | undefined> {
  let missing = 0;
  for await (const rows of pagesOf(ports, tenant, month)) {
    const wanted = new Map(rows.map(({ id, line }) => [id, line]));
    const keys = rows.map(({ id }) => keyOf('id', id));
    for await (const chunk of chunksOf(ports, tenant, { from: rows[0]!.id, upTo: rows.at(-1)!.id })) {
      if (!ports.goesOn()) return undefined;
      const blocks = chunk.blocks.filter(({ filter }) => keys.some((key) => mayContain(filter, key)));
      for (const text of await ports.blocks.read(chunk, blocks)) {
        for (const line of linesOf(text)) {
          const id = idOf(line);
          if (month.isLate || wanted.get(id) === line) wanted.delete(id);
        }
      }
      if (wanted.size === 0) break;
    }
    missing += wanted.size;
  }
  return missing;
}

const linesOf = (text: string): string[] => text.split('\n').slice(0, -1);
const idOf = (line: string): string => (JSON.parse(line) as { readonly id: string }).id;
