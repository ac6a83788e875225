/** What the verifier reads of Postgres, and the two tables that are its own. It logs in as trailkeep_verifier. */
import type { Row, Sql, TransactionSql } from 'postgres';
import { decodeLeafPlaces } from '#core/archive/leaf-places.ts';
import { categories, type Event, type OutcomeResult, results, severities, tiers } from '#core/event/event.ts';
import { purgeAction } from '#core/proof/purge.ts';
import type { Judgement } from '#core/proof/verdict.ts';
import { readEvent } from '#core/proof/verify-event.ts';
import type { Round, RoundName, Verification } from '#core/proof/verify-ports.ts';
import type { StoredRow } from '#core/proof/verify-stored.ts';
import { actorPrefix } from './actor-column.ts';
import { askEach, clustersOf } from './clusters.ts';
import { asked, withTenants } from './connect.ts';
import { createLeafCatalogue, leafChunkOf, leafChunks } from './leaves.ts';

/** Opens the verifier's view; what each method promises is in core/proof/verify-ports.ts. */
export function createVerification(sql: Sql, contextKey: Uint8Array): Verification {
  const read = <T>(tenants: readonly string[], query: (tx: TransactionSql) => Promise<T>) =>
    withTenants(sql, contextKey, tenants, new Date(), query, 'read only');
  const { partsFrom, partsWithId } = createLeafCatalogue(sql, contextKey);

  return {
    partsFrom,
    partsWithId,

    compactedSeq: (tenant) =>
      read([tenant], async (tx) => {
        const [row] = await tx`select compacted_seq from archive.progress where tenant_id = ${tenant}`;
        return BigInt(row?.compacted_seq ?? 0);
      }),

    archivedLeaves: (tenant, from, to) =>
      read([tenant], async (tx) => {
        const rows = await tx`select leaves from archive.chunk
          where tenant_id = ${tenant} and max_leaf >= ${from} and min_leaf < ${to}`;
        return rows.flatMap(({ leaves }) => runsWithin(decodeLeafPlaces(leaves).flat(), from, to));
      }),

    purgeIds: (tenant) =>
      read([tenant], async (tx) => {
        const rows =
          await tx`select id from record.event where tenant_id = ${tenant} and action = ${purgeAction} order by id`;
        return rows.map((row) => String(row.id));
      }),

    criticalChunks: (tenant, after, limit) =>
      read([tenant], async (tx) => {
        const behind = after ? tx`and (c.file_id, c.number) > (${after.file}, ${after.number})` : tx``;
        const rows = await tx`${leafChunks(
          tx,
          tx`c.tenant_id = ${tenant} and f.tier = 0 and f.category = ${categories.indexOf('critical')} ${behind}`,
        )} order by c.file_id, c.number limit ${limit}`;
        return rows.map(leafChunkOf);
      }),

    async log(tenant) {
      const [row] = await read(
        [tenant],
        async (tx) => tx`select slug, origin, published_size, archived_size from proof.log
          where tenant_id = ${tenant} and published_size > 0`,
      );
      if (!row) return undefined;
      const { slug, origin, published_size, archived_size } = row;
      return { slug, origin, publishedSize: Number(published_size), archivedSize: Number(archived_size) };
    },

    rows: (tenant, after, limit) =>
      read([tenant], async (tx) =>
        (
          await tx`select id, occurred_at, category, outcome, severity, action, actor, body from record.event
            where tenant_id = ${tenant} and id > ${after} order by id limit ${limit}`
        ).map(storedRow),
      ),

    partsOfIds: (tenant, after, upTo) =>
      read([tenant], async (tx) =>
        (
          await tx`select first_leaf, events, min_id, max_id from record.segment_part
            where tenant_id = ${tenant} and tier = 0 and max_id > ${after} and min_id <= ${upTo} order by first_leaf`
        ).map((row) => ({
          firstLeaf: row.first_leaf === null ? undefined : Number(row.first_leaf),
          events: row.events,
          minId: row.min_id,
          maxId: row.max_id,
        })),
      ),

    signed: (tenant, from, to) =>
      read([tenant], async (tx) =>
        (
          await tx`select size, root from proof.checkpoint where tenant_id = ${tenant} and signed_at is not null
            and size > ${from} and size <= ${to} order by size`
        ).map((row) => ({ size: Number(row.size), root: row.root as Uint8Array })),
      ),

    async segments(tenant, ids) {
      if (ids.length === 0) return [];
      const rows = await read(
        [tenant],
        async (
          tx,
        ) => tx`select s.segment_id, s.key, s.tier, s.bytes, encode(s.sha256, 'hex') as sha256, s.tenants[1] as tenant
          from record.segment s where s.segment_id = any (string_to_array(${ids.join(',')}::text, ',')::uuid[])`,
      );
      return rows.map(({ segment_id, key, tier, bytes, sha256, tenant: first }) => {
        return { id: segment_id, key, tier: tiers[tier as number]!, bytes: Number(bytes), sha256, tenant: first };
      });
    },

    async oldestId(tenant) {
      const [home] = await clustersOf(sql).together([tenant]);
      const cluster = home!.sql;
      // Below the floor there are rows that came late, and those that did not are gone.
      const [hot] = await asked(cluster`select floor from archive.hot_floor where floor > ${nil}`);
      if (hot) return String(hot.floor);
      // Partitions are named by their months, see record.ensure_partitions.
      const [row] = await asked(cluster`select min(relname) as name from pg_class
        where relnamespace = 'record'::regnamespace and relkind = 'r' and relname ~ '^event_[0-9]{4}_[0-9]{2}$'`);
      const month = /^event_(\d{4})_(\d{2})$/.exec(String(row?.name));
      const ms = month ? Date.UTC(Number(month[1]), Number(month[2]) - 1) : 0;
      const hex = ms.toString(16).padStart(12, '0');
      return `${hex.slice(0, 8)}-${hex.slice(8)}-0000-0000-000000000000`;
    },

    async rounds(tenants) {
      if (tenants.length === 0) return [];
      const rows = await askEach<Row>(sql, tenants, (some) =>
        read(some, async (tx) => tx`select * from proof.verification`),
      );
      return rows.map(roundOf);
    },

    async keepRound({ tenant, round, position, startedAt, endedAt, checked }) {
      await withTenants(
        sql,
        contextKey,
        [tenant],
        new Date(),
        async (tx) => tx`insert into proof.verification (tenant_id, round, position, started_at, ended_at, checked)
          values (${tenant}, ${round}, ${position ?? null}, ${startedAt}, ${endedAt ?? null}, ${checked})
          on conflict (tenant_id, round) do update set position = excluded.position, started_at = excluded.started_at,
            ended_at = excluded.ended_at, checked = excluded.checked`,
      );
    },

    async found(tenant, round, findings, now, tell) {
      if (findings.length === 0) return 0;
      const rows = JSON.stringify(
        findings.map((one) => ({ reason: one.reason, place: placeOf(one), verdict: one.verdict, why: one.why })),
      );
      return withTenants(sql, contextKey, [tenant], new Date(), async (tx) => {
        const kept = await tx`insert into proof.finding
            (tenant_id, round, reason, place, verdict, why, found_at, last_found_at)
          select distinct on (reason, place) ${tenant}::uuid, ${round}::text, reason, place, verdict, why,
            ${now}::timestamptz, ${now}::timestamptz
          from json_to_recordset(${rows}::text::json) as f (reason text, place text, verdict text, why text)
          on conflict (tenant_id, round, reason, place) do update set last_found_at = excluded.last_found_at
          returning reason, place, xmax = 0 as fresh`;
        const isFresh = new Set(kept.filter((row) => row.fresh).map((row) => `${row.reason} ${row.place}`));
        const fresh = findings.filter((one) => isFresh.delete(`${one.reason} ${placeOf(one)}`));
        if (fresh.length > 0) await tell(fresh);
        return fresh.length;
      });
    },
  };
}

const nil = '00000000-0000-0000-0000-000000000000';

/** Runs of the leaves of a chunk that lie within from ≤ i < to. */
function runsWithin(leaves: readonly (number | undefined)[], from: number, to: number): [number, number][] {
  const runs: [number, number][] = [];
  for (const leaf of leaves) {
    if (leaf === undefined || leaf < from || leaf >= to) continue;
    const last = runs.at(-1);
    if (last?.[1] === leaf) last[1]++;
    else runs.push([leaf, leaf + 1]);
  }
  return runs;
}

/** A finding's place in one spelling. */
export const placeOf = ({ at: { index, id, path, size } }: Judgement): string =>
  [index === undefined ? [] : `leaf ${index}`, id ?? [], path ?? [], size === undefined ? [] : `size ${size}`]
    .flat()
    .join(' ');

/** A row with the columns that ledger.ts writes beside the line. Whatever somebody wrote into it, this does not throw. */
export function storedRow(row: Row): StoredRow {
  const line = String(row.body);
  const event = readEvent(line);
  return { id: String(row.id), line, agrees: event !== undefined && agrees(row, event) };
}

function agrees(row: Row, { occurred_at, category, outcome, severity, action, actor }: Partial<Event>): boolean {
  return (
    (row.occurred_at as Date).getTime() === Date.parse(occurred_at ?? '') &&
    row.category === categories.indexOf(category!) &&
    row.outcome === results.indexOf(outcome?.result as OutcomeResult) &&
    row.severity === severities.indexOf(severity!) &&
    row.action === action &&
    typeof actor?.id === 'string' &&
    // As they were stored before there were prefixes, too.
    (row.actor === actorPrefix(actor.id) || row.actor === actor.id)
  );
}

const roundOf = (row: Row): Round => ({
  tenant: row.tenant_id,
  round: row.round as RoundName,
  ...(row.position === null ? {} : { position: String(row.position) }),
  startedAt: row.started_at,
  ...(row.ended_at === null ? {} : { endedAt: row.ended_at }),
  checked: Number(row.checked),
});
