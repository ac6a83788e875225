/** Logs in Postgres, for the sealer: what may be sealed, signed and forgotten, each decided by one statement. */
import type { PendingQuery, Row, Sql, TransactionSql } from 'postgres';
import { platformTenant } from '#core/access/access.ts';
import { tiers } from '#core/event/event.ts';
import { decodeLeaves } from '#core/proof/leaf-codec.ts';
import type {
  Expected,
  FreezeReason,
  LogLedger,
  LogRecord,
  LogState,
  LogTenants,
  OutboxPart,
  Pending,
} from '#core/proof/ports.ts';
import { searchEach } from './clusters.ts';
import { withTenants } from './connect.ts';

const [critical, bulk] = [tiers.indexOf('critical'), tiers.indexOf('bulk')];

/** Opens the ledger of logs; what each method promises is in core/proof/ports.ts. */
export function createLogLedger(sql: Sql, contextKey: Uint8Array): LogLedger {
  const within = <T>(tenants: readonly string[], work: (tx: TransactionSql) => Promise<T>, mode?: 'read only') =>
    withTenants(sql, contextKey, tenants, new Date(), work, mode);
  const searchWithin = (tenants: readonly string[], query: (tx: TransactionSql) => PendingQuery<Row[]>) =>
    searchEach<Row>(sql, tenants, (some) => within(some, async (tx) => query(tx), 'read only'));
  const changed = (tenant: string, query: (tx: TransactionSql) => PendingQuery<Row[]>): Promise<boolean> =>
    within([tenant], async (tx) => (await query(tx)).count === 1);

  const find = (tenant: string) =>
    within([tenant], async (tx) => (await selectLog(tx, tenant)).map(recordOf)[0], 'read only');

  return {
    find,

    async create(tenant, { slug, origin }) {
      await within(
        [tenant],
        (
          tx,
        ) => tx`insert into proof.log (tenant_id, slug, origin, root) values (${tenant}, ${slug}, ${origin}, sha256(''))
          on conflict (tenant_id) do nothing`,
      );
      return (await find(tenant))!;
    },

    async outbox(tenant, from, leavesMax) {
      // A part has a leaf at least, so so many rows hold enough of them.
      const rows = await within(
        [tenant],
        (tx) => tx`with next as materialized (
            select first_leaf, sum(events) over (order by first_leaf) - events as before
            from (select first_leaf, events from proof.outbox where tenant_id = ${tenant} and first_leaf >= ${from}
              order by first_leaf limit ${leavesMax}) rows
          )
          select o.first_leaf, o.seq, o.time, o.leaves from next join proof.outbox o using (first_leaf)
          where o.tenant_id = ${tenant} and before < ${leavesMax} order by o.first_leaf`,
        'read only',
      );
      const parts: OutboxPart[] = [];
      let next = from;
      for (const part of rows.map(outboxPartOf)) {
        if (part.firstLeaf !== next) break;
        parts.push(part);
        next += part.leaves.length;
      }
      return parts;
    },

    advance: (tenant, expected, { size, root, edge }) =>
      changed(
        tenant,
        (tx) => tx`update proof.log set size = ${size}, root = ${root}, edge = ${edge}
          where ${isExpected(tx, tenant, expected)} and size < ${size}
            and ${size} <= (select leaves from record.tenant_counter where tenant_id = ${tenant})`,
      ),

    claimCheckpoint: (tenant, expected) =>
      within([tenant], async (tx) => {
        const { size, root, epoch } = expected;
        // Holds off a freeze until the claim is there, and a frozen log has no row.
        const held = tx`select from proof.log where ${isExpected(tx, tenant, expected)} for no key update`;
        if ((await held).count === 0) return undefined;
        await tx`insert into proof.checkpoint (tenant_id, size, root, epoch) values (${tenant}, ${size}, ${root}, ${epoch})
          on conflict do nothing`;
        const [row] = await tx`select root, epoch, note from proof.checkpoint
          where tenant_id = ${tenant} and size = ${size}`;
        return { root: row!.root, epoch: row!.epoch, ...(row!.note === null ? {} : { note: row!.note as string }) };
      }),

    async claimedRoot(tenant, size) {
      const rows = await within(
        [tenant],
        (tx) => tx`select root from proof.checkpoint where tenant_id = ${tenant} and size = ${size}`,
        'read only',
      );
      return rows[0]?.root as Uint8Array | undefined;
    },

    async keepNote(tenant, size, note) {
      await within(
        [tenant],
        (tx) => tx`update proof.checkpoint set note = ${note}, signed_at = now()
          where tenant_id = ${tenant} and size = ${size} and note is null`,
      );
    },

    archived: (tenant, size, fence) =>
      within([tenant], async (tx) => {
        const { count } = await tx`update proof.log set archived_size = greatest(archived_size, ${size})
          where ${isFenced(tx, tenant, fence)} and size >= ${size}`;
        if (count === 0) return false;
        await tx`delete from proof.outbox where tenant_id = ${tenant} and first_leaf + events <= ${size}`;
        return true;
      }),

    published: (tenant, size, fence) =>
      changed(
        tenant,
        (tx) => tx`update proof.log set published_size = greatest(published_size, ${size}), state = 'active'
          where ${isFenced(tx, tenant, fence)} and archived_size >= ${size}`,
      ),

    freeze: (tenant, reason, epoch) =>
      changed(
        tenant,
        (tx) => tx`update proof.log set state = 'frozen', frozen_at = now(), frozen_reason = ${reason}
          where tenant_id = ${tenant} and epoch = ${epoch} and state in ('initializing', 'active')`,
      ),

    retire: (tenant) =>
      changed(
        tenant,
        (tx) => tx`update proof.log set state = 'retired' where tenant_id = ${tenant} and state = 'active'
          and published_size = size
          and size = (select leaves from record.tenant_counter where tenant_id = ${tenant})`,
      ),

    async pending(tenants) {
      if (tenants.length === 0) return [];
      const rows = await searchWithin(
        tenants,
        (tx) => tx`select c.tenant_id, c.leaves - coalesce(l.published_size, 0) as leaves,
            oldest.critical, oldest.bulk
          from record.tenant_counter c left join proof.log l using (tenant_id)
          cross join lateral (
            select min(committed_at) filter (where tier = ${critical}) as critical,
              min(committed_at) filter (where tier = ${bulk}) as bulk
            from proof.outbox o where o.tenant_id = c.tenant_id and o.first_leaf >= coalesce(l.published_size, 0)
          ) oldest
          where c.leaves > coalesce(l.published_size, 0) and coalesce(l.state, 'active') in ('initializing', 'active')
          order by c.tenant_id`,
      );
      return rows.map(pendingOf);
    },

    async states(tenants) {
      if (tenants.length === 0) return [];
      const rows = await searchWithin(
        tenants,
        (tx) => tx`select tenant_id, state, slug from proof.log order by tenant_id`,
      );
      return rows.map(({ tenant_id, state, slug }) => ({ tenant: tenant_id, state, slug }));
    },
  };
}

/** Opens the list of tenants; see core/proof/ports.ts. */
export const createLogTenants = (sql: Sql, contextKey: Uint8Array): LogTenants => ({
  async page(after, limit) {
    const rows = await withTenants(
      sql,
      contextKey,
      [platformTenant],
      new Date(),
      (tx) => tx`select tenant_id from access.tenant
        where tenant_id > ${after ?? platformTenant} order by tenant_id limit ${limit}`,
      'read only',
    );
    return rows.map((row) => String(row.tenant_id));
  },
});

/** One log with its counter and the incarnation, all of one snapshot. */
export const selectLog = (tx: TransactionSql, tenant: string) => tx`select l.*, coalesce(c.leaves, 0) as leaves,
    i.incarnation, i.shard
  from proof.incarnation i, proof.log l left join record.tenant_counter c using (tenant_id) where l.tenant_id = ${tenant}`;

/** That the log is in this epoch of this incarnation, and takes leaves. */
const isFenced = (
  tx: TransactionSql,
  tenant: string,
  { epoch, incarnation }: Pick<Expected, 'epoch' | 'incarnation'>,
) =>
  tx`tenant_id = ${tenant} and state in ('initializing', 'active') and epoch = ${epoch}
    and (select incarnation from proof.incarnation) = ${incarnation}`;

const isExpected = (tx: TransactionSql, tenant: string, expected: Expected) =>
  tx`${isFenced(tx, tenant, expected)} and size = ${expected.size} and root = ${expected.root}`;

export const recordOf = (row: Row): LogRecord => ({
  tenant: row.tenant_id,
  slug: row.slug,
  origin: row.origin,
  state: row.state as LogState,
  epoch: row.epoch,
  incarnation: row.incarnation,
  ...(row.shard === 0 ? {} : { shard: Number(row.shard) }),
  leaves: Number(row.leaves),
  size: Number(row.size),
  root: row.root,
  edge: row.edge,
  archivedSize: Number(row.archived_size),
  publishedSize: Number(row.published_size),
  ...(row.frozen_at === null ? {} : { frozenAt: row.frozen_at, frozenReason: row.frozen_reason as FreezeReason }),
  createdAt: row.created_at,
});

const outboxPartOf = (row: Row): OutboxPart => ({
  seq: BigInt(row.seq),
  firstLeaf: Number(row.first_leaf),
  time: Number(row.time),
  leaves: decodeLeaves(row.leaves),
});

const pendingOf = (row: Row): Pending => ({
  tenant: row.tenant_id,
  leaves: Number(row.leaves),
  ...(row.critical === null ? {} : { oldestCritical: row.critical }),
  ...(row.bulk === null ? {} : { oldestBulk: row.bulk }),
});
