/** What recovery does to logs in Postgres: rows give way to what S3 has archived, and what only Postgres has moves behind it. */
import type { Sql, TransactionSql } from 'postgres';
import { tiers } from '#core/event/event.ts';
import type { Leaf } from '#core/proof/entry.ts';
import { decodeLeaves, encodeLeaves } from '#core/proof/leaf-codec.ts';
import type { FoundPart, KnownPart, LogRecovery, RebuildPlan, Rebuilt } from '#core/proof/ports.ts';
import { encodeBlocks } from '#core/record/block-codec.ts';
import type { EventLine } from '#core/record/envelope.ts';
import type { Segment } from '#core/record/segment.ts';
import { clustersOf } from './clusters.ts';
import { asked, withTenants } from './connect.ts';
import { insertEvents, insertMessages, insertTokens, monthsOf, tokensOf } from './ledger.ts';
import { partitionsOf } from './partitions.ts';

/** A part as it is going to be. */
interface NewPart {
  readonly segment: Segment;
  readonly seq: bigint;
  readonly firstLeaf: number;
}

/** Opens recovery; what each method promises is in core/proof/ports.ts. */
export function createLogRecovery(sql: Sql, contextKey: Uint8Array): LogRecovery {
  const within = <T>(tenant: string, work: (tx: TransactionSql) => Promise<T>, mode?: 'read only') =>
    withTenants(sql, contextKey, [tenant], new Date(), work, mode);

  return {
    async renewIncarnation(incarnation, tenant) {
      const [home] = await clustersOf(sql).together([tenant]);
      await asked(home!.sql`update proof.incarnation set incarnation = ${incarnation}, since = now()`);
    },

    async partsFrom(tenant, from) {
      const rows = await within(
        tenant,
        (tx) => tx`select p.seq, p.tier, p.first_leaf, p.events, p.segment_id, s.key, o.time, o.leaves
          from record.segment_part p join record.segment s using (segment_id)
          left join proof.outbox o on o.tenant_id = p.tenant_id and o.first_leaf = p.first_leaf
          where p.tenant_id = ${tenant} and p.first_leaf >= ${from} order by p.first_leaf`,
        'read only',
      );
      return rows.map(
        (row): KnownPart => ({
          seq: BigInt(row.seq),
          tier: tiers[row.tier as number]!,
          firstLeaf: Number(row.first_leaf),
          events: row.events,
          segment: row.segment_id,
          key: row.key,
          ...(row.leaves === null ? {} : { outbox: { time: Number(row.time), leaves: decodeLeaves(row.leaves) } }),
        }),
      );
    },

    begin: (tenant, epoch, lastsMs) =>
      within(tenant, async (tx) => {
        const { count } = await tx`update proof.log set recovering_since = clock_timestamp()
          where tenant_id = ${tenant} and state = 'frozen' and epoch = ${epoch} and (recovering_since is null
            or recovering_since <= clock_timestamp() - make_interval(secs => ${lastsMs / 1000}))`;
        return count === 1;
      }),

    async end(tenant, epoch) {
      await within(
        tenant,
        (tx) => tx`update proof.log set recovering_since = null where tenant_id = ${tenant} and epoch = ${epoch}`,
      );
    },

    unfreeze: (tenant, epoch, bound) =>
      within(tenant, async (tx) => {
        const { count } = await tx`update proof.log set ${active(tx)}
          where tenant_id = ${tenant} and state = 'frozen' and epoch = ${epoch}`;
        if (count === 1 && bound) {
          await tx`insert into proof.checkpoint (tenant_id, size, root, epoch)
            values (${tenant}, ${bound.size}, ${bound.root}, ${epoch + 1})
            on conflict (tenant_id, size) do update
              set root = excluded.root, epoch = excluded.epoch, note = null, signed_at = null
              where checkpoint.root <> excluded.root`;
        }
        return count === 1;
      }),

    async rebuild(tenant, epoch, plan) {
      const partitions = await partitionsOf(sql, tenant);
      for (const month of monthsOf(plan.found.filter(isCritical).flatMap(({ lines }) => lines))) {
        await partitions.ensure(month, 0);
      }
      return within(tenant, (tx) => rebuild(tx, tenant, epoch, plan));
    },
  };
}

const isCritical = ({ segment }: FoundPart): boolean => segment.tier === 'critical';

/** A log that signs again; what it had published stays published. */
const active = (tx: TransactionSql) => tx`state = case when archived_size = 0 then 'initializing' else 'active' end,
  epoch = epoch + 1, frozen_at = null, frozen_reason = null, recovering_since = null`;

async function rebuild(tx: TransactionSql, tenant: string, epoch: number, plan: RebuildPlan): Promise<Rebuilt> {
  const { size, agreed, moved, dropped, found, rewritten } = plan;
  // From here on no commit adds a part. A restored database may lack the row.
  await tx`insert into record.tenant_counter (tenant_id, seq) values (${tenant}, 0) on conflict do nothing`;
  await tx`select from record.tenant_counter where tenant_id = ${tenant} for update`;
  const frozen = await tx`select from proof.log where tenant_id = ${tenant} and state = 'frozen' and epoch = ${epoch}
    for update`;
  if (frozen.count === 0) return 'not_frozen';
  const above = await tx`select seq from record.segment_part where tenant_id = ${tenant} and first_leaf >= ${agreed}`;
  const planned = new Set([...moved, ...dropped]);
  if (above.length !== planned.size || above.some(({ seq }) => !planned.has(BigInt(seq)))) return 'parts_changed';

  await remove(tx, tenant, dropped);
  await park(tx, tenant, moved);
  // Numbers of parts that are compacted, and gone perhaps, are not given again: what has one is not looked for in parts.
  const [before] = await tx`select greatest(
      (select max(seq) from record.segment_part where tenant_id = ${tenant} and seq > 0),
      (select compacted_seq from archive.progress where tenant_id = ${tenant}), 0) as seq`;
  let seq = BigInt(before!.seq);
  await insertFound(
    tx,
    tenant,
    found,
    found.map(({ segment, firstLeaf }) => ({ segment, firstLeaf, seq: ++seq })),
  );
  let leaves = await place(tx, tenant, { seq, leaf: size, time: plan.time });
  seq += BigInt(moved.length);
  for (const { segment, lines, leaves: own } of rewritten) {
    await insertParts(tx, tenant, [{ segment, firstLeaf: leaves, seq: ++seq }]);
    await insertOutbox(tx, tenant, { segment, firstLeaf: leaves, seq, leaves: own, time: plan.time });
    leaves += lines.length;
  }
  await tx`delete from proof.outbox where tenant_id = ${tenant} and first_leaf + events <= ${size}`;
  await tx`update record.tenant_counter set seq = ${String(seq)}, leaves = ${leaves}, last_time = greatest(last_time,
      ${plan.time}, coalesce((select max(time) from proof.outbox where tenant_id = ${tenant}), 0))
    where tenant_id = ${tenant}`;
  await tx`update proof.log set size = ${size}, root = ${plan.root}, edge = ${plan.edge} where tenant_id = ${tenant}`;
  if (!plan.last) return 'done';
  if (size > 0) {
    const note = plan.note ?? null;
    await tx`insert into proof.checkpoint (tenant_id, size, root, epoch, note, signed_at)
      values (${tenant}, ${size}, ${plan.root}, ${epoch + 1}, ${note}, case when ${note}::text is not null then now() end)
      on conflict (tenant_id, size) do update
        set root = excluded.root, epoch = excluded.epoch, note = excluded.note, signed_at = excluded.signed_at`;
  }
  await tx`update proof.log set archived_size = ${plan.archived} where tenant_id = ${tenant}`;
  await tx`update proof.log set ${active(tx)} where tenant_id = ${tenant}`;
  return 'done';
}

const listed = (seqs: readonly bigint[]) => seqs.join(',');

async function remove(tx: TransactionSql, tenant: string, seqs: readonly bigint[]): Promise<void> {
  if (seqs.length === 0) return;
  await tx`delete from proof.outbox where tenant_id = ${tenant}
    and seq = any (string_to_array(${listed(seqs)}::text, ',')::bigint[])`;
  await tx`delete from record.segment_part where tenant_id = ${tenant}
    and seq = any (string_to_array(${listed(seqs)}::text, ',')::bigint[])`;
}

/** Out of the way, below zero, so that no number is taken twice while rows move. */
async function park(tx: TransactionSql, tenant: string, seqs: readonly bigint[]): Promise<void> {
  if (seqs.length === 0) return;
  await tx`update proof.outbox set first_leaf = -1 - first_leaf, seq = -seq where tenant_id = ${tenant}
    and seq = any (string_to_array(${listed(seqs)}::text, ',')::bigint[])`;
  await tx`update record.segment_part set first_leaf = -1 - first_leaf, seq = -seq where tenant_id = ${tenant}
    and seq = any (string_to_array(${listed(seqs)}::text, ',')::bigint[])`;
}

/** Parked parts come behind `after`, in their order. Resolves with the leaf that follows them. */
async function place(
  tx: TransactionSql,
  tenant: string,
  after: { readonly seq: bigint; readonly leaf: number; readonly time: number },
): Promise<number> {
  const placed = tx`select p.seq as old_seq, p.events,
      ${String(after.seq)}::bigint + row_number() over by_seq as seq,
      ${after.leaf}::bigint + sum(p.events) over by_seq - p.events as first_leaf
    from record.segment_part p where p.tenant_id = ${tenant} and p.seq < 0
    window by_seq as (order by p.seq desc)`;
  await tx`with placed as materialized (${placed})
    update proof.outbox o set first_leaf = placed.first_leaf, seq = placed.seq, time = greatest(o.time, ${after.time})
    from placed where o.tenant_id = ${tenant} and o.seq = placed.old_seq`;
  const rows = await tx`with placed as materialized (${placed})
    update record.segment_part p set first_leaf = placed.first_leaf, seq = placed.seq
    from placed where p.tenant_id = ${tenant} and p.seq = placed.old_seq
    returning p.first_leaf + p.events as stop`;
  return Math.max(after.leaf, ...rows.map(({ stop }) => Number(stop)));
}

/** Parts that the database lost, with the rows of their critical events and the messages they came by. */
async function insertFound(
  tx: TransactionSql,
  tenant: string,
  found: readonly FoundPart[],
  parts: readonly NewPart[],
): Promise<void> {
  if (parts.length === 0) return;
  await insertParts(tx, tenant, parts);
  for (const { segment } of parts) {
    const messages = [...(partOf(segment, tenant).messages ?? [])].sort();
    if (messages.length > 0) await insertMessages(tx, messages, segment.id);
  }
  await replaceEvents(
    tx,
    tenant,
    found.filter(isCritical).flatMap(({ lines }) => lines),
  );
}

async function replaceEvents(tx: TransactionSql, tenant: string, lines: readonly EventLine[]): Promise<void> {
  if (lines.length === 0) return;
  const ids = lines.map(({ event }) => event.id).join(',');
  await tx`delete from record.event_token where tenant_id = ${tenant}
    and event_id = any (string_to_array(${ids}::text, ',')::uuid[])`;
  await tx`delete from record.event where tenant_id = ${tenant}
    and id = any (string_to_array(${ids}::text, ',')::uuid[])`;
  await insertEvents(tx, lines);
  const tokens = tokensOf(lines);
  if (tokens.length > 0) await insertTokens(tx, tokens);
}

const partOf = (segment: Segment, tenant: string) => segment.parts.find((part) => part.tenant === tenant)!;

/** Catalogue rows of one tenant's parts. A segment that other tenants' parts lead to already keeps its row. */
async function insertParts(tx: TransactionSql, tenant: string, parts: readonly NewPart[]): Promise<void> {
  const rows = JSON.stringify(
    parts.map(({ segment, seq, firstLeaf }) => {
      const { events, minTime, maxTime, minId, maxId, blocks } = partOf(segment, tenant);
      return {
        segment: segment.id,
        key: segment.key,
        tier: tiers.indexOf(segment.tier),
        bytes: segment.bytes,
        sha256: segment.sha256,
        of_all: segment.parts.length,
        seq: String(seq),
        first_leaf: firstLeaf,
        events,
        min_time: minTime,
        max_time: maxTime,
        min_id: minId,
        max_id: maxId,
        blocks: Buffer.from(encodeBlocks(blocks)).toString('base64'),
      };
    }),
  );
  const w = tx`json_to_recordset(${rows}::text::json) as w (segment uuid, key text, tier smallint, bytes bigint,
    sha256 text, of_all integer, seq bigint, first_leaf bigint, events integer, min_time bigint, max_time bigint,
    min_id uuid, max_id uuid, blocks text)`;
  // Another tenant's recovery writes the same rows: in one order.
  await tx`insert into record.segment as known (segment_id, key, tier, bytes, sha256, tenants, partial)
    select segment, key, tier, bytes, decode(sha256, 'hex'), array[${tenant}::uuid], of_all > 1 from ${w} order by segment
    on conflict (segment_id) do nothing`;
  await tx`update record.segment s set announced_at = null,
      tenants = case when ${tenant}::uuid = any (s.tenants) then s.tenants else s.tenants || ${tenant}::uuid end,
      partial = s.partial and cardinality(s.tenants) + (not ${tenant}::uuid = any (s.tenants))::integer < w.of_all
    from ${w} where s.segment_id = w.segment`;
  await tx`insert into record.segment_part
      (tenant_id, seq, segment_id, tier, events, min_time, max_time, min_id, max_id, blocks, first_leaf)
    select ${tenant}::uuid, seq, segment, tier, events, min_time, max_time, min_id, max_id, decode(blocks, 'base64'),
      first_leaf from ${w}`;
}

const insertOutbox = (
  tx: TransactionSql,
  tenant: string,
  part: NewPart & { readonly leaves: readonly Leaf[]; readonly time: number },
) => tx`insert into proof.outbox (tenant_id, first_leaf, events, seq, tier, time, leaves)
  values (${tenant}, ${part.firstLeaf}, ${part.leaves.length}, ${String(part.seq)}, ${tiers.indexOf(part.segment.tier)},
    greatest(${part.time}, (extract(epoch from clock_timestamp()) * 1000)::bigint,
      (select last_time from record.tenant_counter where tenant_id = ${tenant})),
    ${Buffer.from(encodeLeaves(part.leaves))})`;
