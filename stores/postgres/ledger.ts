/** The ledger: the transaction that makes a batch true. */
import type { PendingQuery, Row, Sql, TransactionSql } from 'postgres';
import { categories, results, severities, tiers } from '#core/event/event.ts';
import { Problem } from '#core/event/problem.ts';
import { isToken } from '#core/event/token.ts';
import type { Leaf } from '#core/proof/entry.ts';
import { encodeLeaves } from '#core/proof/leaf-codec.ts';
import { encodeBlocks } from '#core/record/block-codec.ts';
import type { EventLine } from '#core/record/envelope.ts';
import type { CommitResult, Known, Ledger } from '#core/record/ports.ts';
import type { Segment } from '#core/record/segment.ts';
import { actorPrefix } from './actor-column.ts';
import { askAll, askEach, clustersOf, searchAll } from './clusters.ts';
import { asked, withTenants } from './connect.ts';
import { partitionsOf } from './partitions.ts';
import { isDuplicate } from './unavailable.ts';

interface Batch {
  readonly segment: Segment;
  readonly lines: readonly EventLine[];
  readonly leaves: readonly Leaf[];
  /** When parts are adopted: how many the segment has. */
  readonly partsOfAll?: number;
}

/** A critical event or a message of the batch was committed before: the transaction is undone. */
class KnownAlready extends Error {}

/** How often a key's last use is written at most: it tells days, not seconds. */
const keyUseMs = 60_000;

/** Opens the ledger; what each method promises is in core/record/ports.ts. */
export function createLedger(sql: Sql, contextKey: Uint8Array): Ledger {
  const clusters = clustersOf(sql);
  const keysAreHere = clusters.every.length === 1;
  const recentlyUsed = new Map<string, number>();

  async function commit(batch: Batch, now: Date): Promise<CommitResult> {
    const { segment, lines } = batch;
    const tenants = segment.parts.map((part) => part.tenant);
    const messages = [...new Set(segment.parts.flatMap((part) => part.messages ?? []))].sort();
    const uses = staleUses(lines, recentlyUsed, now.getTime());
    try {
      const numbered = await withTenants(sql, contextKey, tenants, now, async (tx) => {
        // Started at once and in this order: they travel together, and the counters are locked last.
        const critical = segment.tier === 'critical' && lines.length > 0;
        const tokens = critical ? tokensOf(lines) : [];
        const [, added, stored, , , parts] = await Promise.all([
          batch.partsOfAll === undefined ? insertSegment(tx, segment) : adoptSegment(tx, segment, batch.partsOfAll),
          messages.length > 0 ? insertMessages(tx, messages, segment.id) : undefined,
          critical ? insertEvents(tx, lines) : undefined,
          tokens.length > 0 ? insertTokens(tx, tokens) : undefined,
          keysAreHere && uses.length > 0 ? touchKeys(tx, uses, now) : undefined,
          insertParts(tx, batch),
        ]);
        if ((added && added.count < messages.length) || (stored && stored.count < lines.length))
          throw new KnownAlready();
        return parts;
      });
      if (!keysAreHere && uses.length > 0) await noteUses(uses, now);
      for (const { tenant, key } of uses) recentlyUsed.set(`${tenant}/${key}`, now.getTime());
      const given = new Map(numbered.map((row) => [String(row.tenant_id), row]));
      const parts = segment.parts.map((part) => {
        const { seq, first_leaf } = given.get(part.tenant)!;
        return { ...part, seq: BigInt(seq), firstLeaf: Number(first_leaf) };
      });
      return { stored: true, parts };
    } catch (error) {
      if (!(error instanceof KnownAlready)) throw error;
      const events = segment.tier === 'critical' ? lines.map(({ event }) => event) : [];
      return { stored: false, known: await known(events, messages, tenants) };
    }
  }

  /** The keys are on the main cluster, whatever cluster the events are on. Their last use matters less than the commit. */
  async function noteUses(uses: readonly { tenant: string; key: string }[], now: Date): Promise<void> {
    const tenants = [...new Set(uses.map(({ tenant }) => tenant))];
    const [main] = clusters.every;
    await withTenants(main!, contextKey, tenants, new Date(), (tx) => touchKeys(tx, uses, now)).catch(clusters.onDown);
  }

  async function known(
    events: readonly { readonly tenant: string; readonly id: string }[],
    messages: readonly string[],
    tenants: readonly string[],
  ): Promise<Known> {
    const owners = [...new Set(events.map((one) => one.tenant))];
    const ids = JSON.stringify(events.map(({ tenant, id }) => ({ tenant, id })));
    const [eventRows, messageRows] = await Promise.all([
      owners.length === 0
        ? []
        : askEach(sql, owners, (some) =>
            withTenants(
              sql,
              contextKey,
              some,
              new Date(),
              async (tx) => tx`select e.tenant_id || '/' || e.id as known
                from json_to_recordset(${ids}::text::json) as w (tenant uuid, id uuid)
                join record.event e on e.tenant_id = w.tenant and e.id = w.id`,
              'read only',
            ),
          ),
      messages.length === 0
        ? []
        : askEach(sql, tenants, (_, cluster) =>
            asked(cluster`select encode(m.digest, 'hex') as known, s.key
              from string_to_table(${messages.join(',')}::text, ',') as w (digest)
              join record.message m on m.digest = decode(w.digest, 'hex')
              join record.segment s using (segment_id)`),
          ),
    ]);
    return {
      events: new Set(eventRows.map((row) => String(row.known))),
      messages: new Map(messageRows.map((row) => [String(row.known), String(row.key)])),
    };
  }

  async function commitWithPartitions(batch: Batch): Promise<CommitResult> {
    try {
      try {
        return await commit(batch, new Date());
      } catch (error) {
        if (!lacksPartition(error)) throw error;
        // They live on one cluster, or there was no transaction that could miss a month.
        const partitions = await partitionsOf(sql, batch.segment.parts[0]!.tenant);
        for (const month of monthsOf(batch.lines)) await partitions.ensure(month, 0);
        return await commit(batch, new Date());
      }
    } catch (error) {
      if (isDuplicate(error)) throw new Problem('conflict', 'the segment is committed already', { cause: error });
      throw error;
    }
  }

  return {
    known,
    commit: (segment, lines, leaves) => commitWithPartitions({ segment, lines, leaves }),
    adopt: (segment, lines, leaves, partsOfAll) => commitWithPartitions({ segment, lines, leaves, partsOfAll }),

    async forgetMessages(before) {
      const counts = await searchAll(sql, async (cluster) => [
        (await asked(cluster`delete from record.message where stored_at < ${before}`)).count,
      ]);
      return counts.reduce((sum, one) => sum + one, 0);
    },

    async announced(segmentIds) {
      if (segmentIds.length === 0) return;
      await searchAll(sql, (cluster) =>
        asked(cluster`update record.segment set announced_at = now()
          where segment_id = any (string_to_array(${segmentIds.join(',')}::text, ',')::uuid[])
            and announced_at is null`),
      );
    },

    async unannounced(before, limit) {
      const rows = await searchAll(sql, (cluster) =>
        asked(cluster`select segment_id, key, tier, array_to_string(tenants, ',') as tenants
          from record.segment where announced_at is null and committed_at < ${before}
          order by committed_at limit ${limit}`),
      );
      return rows.map((row) => ({
        segment: String(row.segment_id),
        key: String(row.key),
        tier: tiers[row.tier as number]!,
        tenants: String(row.tenants).split(','),
      }));
    },

    async catalogued(keys) {
      // A key ends in its segment's id, which is the primary key.
      const wanted = JSON.stringify(
        keys.flatMap((key) => {
          const id = /([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})\.jsonl\.gz$/.exec(key)?.[1];
          return id === undefined ? [] : [{ id, key }];
        }),
      );
      // What one cluster that is down knows of would be taken for an orphan.
      const rows = await askAll(sql, (cluster) =>
        asked(cluster`select s.key, s.partial from json_to_recordset(${wanted}::text::json) as w (id uuid, key text)
          join record.segment s on s.segment_id = w.id and s.key = w.key`),
      );
      // A segment of before a move is on two; whole on one of them, all its parts are somewhere.
      const whole = rows.filter((row) => !row.partial).map((row) => [String(row.key), 'whole'] as const);
      return new Map([...rows.map((row) => [String(row.key), 'partial'] as const), ...whole]);
    },
  };
}

const insertSegment = (tx: TransactionSql, segment: Segment) =>
  tx`insert into record.segment (segment_id, key, tier, bytes, sha256, tenants) values (${rowOf(tx, segment)})`;

/** The catalogue row of a segment of which some parts are adopted. What is announced is announced again: it has more now. */
export const adoptSegment = (tx: TransactionSql, segment: Segment, partsOfAll: number) =>
  tx`insert into record.segment as known (segment_id, key, tier, bytes, sha256, tenants, partial)
    values (${rowOf(tx, segment)}, ${segment.parts.length < partsOfAll})
    on conflict (segment_id) do update set announced_at = null, tenants = known.tenants || excluded.tenants,
      partial = cardinality(known.tenants || excluded.tenants) < ${partsOfAll}`;

const rowOf = (tx: TransactionSql, { id, key, tier, bytes, sha256, parts }: Segment) =>
  tx`${id}, ${key}, ${tiers.indexOf(tier)}, ${bytes}, decode(${sha256}, 'hex'),
    string_to_array(${parts.map((part) => part.tenant).join(',')}::text, ',')::uuid[]`;

/** In one order: two deliveries of one message wait for each other. */
export const insertMessages = (tx: TransactionSql, digests: readonly string[], segment: string) =>
  tx`insert into record.message (digest, segment_id) select decode(digest, 'hex'), ${segment}::uuid
    from string_to_table(${digests.join(',')}::text, ',') as w (digest) on conflict do nothing`;

/**
 * All rows in one statement: the columns as one JSON text, the bodies as another text that is cut at its newlines
 * (canonical JSON holds none), so that bodies are neither escaped nor unescaped. Rows go in by (tenant, id): two
 * deliveries of one batch at once then wait for each other and never deadlock.
 */
export function insertEvents(tx: TransactionSql | Sql, lines: readonly EventLine[]): PendingQuery<Row[]> {
  const ordered = lines.toSorted(({ event: a }, { event: b }) =>
    a.tenant === b.tenant ? compare(a.id, b.id) : compare(a.tenant, b.tenant),
  );
  const columns = JSON.stringify(
    ordered.map(({ event }) => ({
      t: event.tenant,
      i: event.id,
      o: event.occurred_at,
      c: categories.indexOf(event.category),
      r: results.indexOf(event.outcome.result),
      s: severities.indexOf(event.severity),
      n: event.action,
      a: actorPrefix(event.actor.id),
    })),
  );
  const bodies = ordered.map((one) => one.line).join('\n');
  return tx`insert into record.event (tenant_id, id, occurred_at, category, outcome, severity, action, actor, body)
    select * from rows from (
      json_to_recordset(${columns}::text::json)
        as (t uuid, i uuid, o timestamptz, c smallint, r smallint, s smallint, n text, a text),
      string_to_table(${bodies}::text, E'\n'))
    on conflict do nothing`;
}

interface EventToken {
  readonly t: string;
  readonly k: string;
  readonly o: string;
  readonly i: string;
}

/** What finds an event besides its actor, in the words of core/record/membership.ts. Only sealed values have tokens. */
export function tokensOf(lines: readonly EventLine[]): EventToken[] {
  const tokens: EventToken[] = [];
  for (const { event } of lines) {
    const keys = new Set<string>();
    const add = (field: 'email' | 'ip' | 'person', value: string | undefined) => {
      if (value !== undefined && isToken(value)) keys.add(`${field}:${value}`);
    };
    add('email', event.actor.email);
    add('ip', event.context?.ip);
    add('person', event.subject);
    for (const { id } of event.on_behalf_of ?? []) add('person', id);
    for (const { id } of event.targets ?? []) add('person', id);
    for (const k of keys) tokens.push({ t: event.tenant, k, o: event.occurred_at, i: event.id });
  }
  return tokens;
}

/** In the order of the primary key: two deliveries of one batch wait for each other. */
export const insertTokens = (tx: TransactionSql | Sql, tokens: readonly EventToken[]) =>
  tx`insert into record.event_token (tenant_id, token, occurred_at, event_id)
    select * from json_to_recordset(${JSON.stringify(tokens)}::text::json) as w (t uuid, k text, o timestamptz, i uuid)
    order by 1, 2, 3, 4
    on conflict do nothing`;

/**
 * One sequence number and the next leaves for each tenant, taken in the order of tenants; the row lock is held from here
 * to COMMIT only. From then on nothing changes the order of the leaves.
 */
function insertParts(tx: TransactionSql, { segment, leaves }: Batch) {
  let at = 0;
  const parts = JSON.stringify(
    segment.parts.map((part) => {
      const own = leaves.slice(at, at + part.events);
      at += part.events;
      return {
        tenant: part.tenant,
        events: part.events,
        min_time: part.minTime,
        max_time: part.maxTime,
        min_id: part.minId,
        max_id: part.maxId,
        blocks: Buffer.from(encodeBlocks(part.blocks)).toString('base64'),
        leaves: Buffer.from(encodeLeaves(own)).toString('base64'),
      };
    }),
  );
  if (at !== leaves.length) throw new RangeError(`${leaves.length} leaves for ${at} events`);
  const tier = tiers.indexOf(segment.tier);
  return tx`with part as materialized (
      select * from json_to_recordset(${parts}::text::json) as p (tenant uuid, events int, min_time bigint,
        max_time bigint, min_id uuid, max_id uuid, blocks text, leaves text)
    ), numbered as (
      insert into record.tenant_counter as counter (tenant_id, seq, leaves, last_time)
      select tenant, 1, events, (extract(epoch from clock_timestamp()) * 1000)::bigint from part order by tenant
      on conflict (tenant_id) do update set seq = counter.seq + 1, leaves = counter.leaves + excluded.leaves,
        last_time = greatest(counter.last_time, excluded.last_time)
      returning tenant_id, seq, leaves, last_time
    ), placed as materialized (
      select p.*, n.seq, n.leaves - p.events as first_leaf, n.last_time
      from part p join numbered n on n.tenant_id = p.tenant
    ), queued as (
      insert into proof.outbox (tenant_id, first_leaf, events, seq, tier, time, leaves)
      select tenant, first_leaf, events, seq, ${tier}::smallint, last_time, decode(leaves, 'base64') from placed
    )
    insert into record.segment_part
      (tenant_id, seq, segment_id, tier, events, min_time, max_time, min_id, max_id, blocks, first_leaf)
    select tenant, seq, ${segment.id}::uuid, ${tier}::smallint, events,
      min_time, max_time, min_id, max_id, decode(blocks, 'base64'), first_leaf
    from placed
    returning tenant_id, seq, first_leaf`;
}

/** Keys that somebody else is updating are skipped: their last use is being written, or matters less than this commit. */
const touchKeys = (tx: TransactionSql, uses: readonly { tenant: string; key: string }[], now: Date) =>
  tx`update access.api_key k set last_used_at = ${now}
    from (
      select k.tenant_id, k.key_id from json_to_recordset(${JSON.stringify(uses)}::text::json) as u (tenant uuid, key text)
      join access.api_key k on k.tenant_id = u.tenant and k.key_id = u.key
      where k.last_used_at is null or k.last_used_at < ${new Date(now.getTime() - keyUseMs)}
      for update of k skip locked
    ) stale
    where k.tenant_id = stale.tenant_id and k.key_id = stale.key_id`;

/** Keys of this batch whose last use this environment has not written within the minute. */
function staleUses(lines: readonly EventLine[], recent: Map<string, number>, nowMs: number) {
  const uses = new Map<string, { tenant: string; key: string }>();
  for (const { event } of lines) {
    const id = `${event.tenant}/${event.producer.key}`;
    if (!uses.has(id) && nowMs - (recent.get(id) ?? 0) >= keyUseMs) {
      uses.set(id, { tenant: event.tenant, key: event.producer.key });
    }
  }
  // A bound on memory, not a cache policy: forgetting costs one statement.
  if (recent.size > 10_000) recent.clear();
  return [...uses.values()];
}

const compare = (a: string, b: string) => (a < b ? -1 : a > b ? 1 : 0);

/** "no partition of relation … found for row" has the code of a check and names no constraint. */
function lacksPartition(error: unknown): boolean {
  const { code, constraint_name } = error as { code?: string; constraint_name?: string };
  return code === '23514' && constraint_name === undefined;
}

/** The first of each month that the ids fall in. */
export function monthsOf(lines: readonly EventLine[]): Date[] {
  const months = new Set(
    lines.map(({ event }) =>
      new Date(Number.parseInt(event.id.replace('-', '').slice(0, 12), 16)).toISOString().slice(0, 7),
    ),
  );
  return [...months].sort().map((month) => new Date(`${month}-01T00:00:00Z`));
}
