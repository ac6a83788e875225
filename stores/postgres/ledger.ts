/** The ledger: the transaction that makes a batch true. */
import type { PendingQuery, Row, Sql, TransactionSql } from 'postgres';
import { categories, type Event, results, severities, tiers } from '#core/event/event.ts';
import { Problem } from '#core/event/problem.ts';
import { isToken } from '#core/event/token.ts';
import { encodeBlocks } from '#core/record/block-codec.ts';
import type { CommitResult, Ledger } from '#core/record/ports.ts';
import type { Segment } from '#core/record/segment.ts';
import { actorPrefix } from './actor-column.ts';
import { asked, withTenants } from './connect.ts';
import { createPartitions } from './partitions.ts';
import { isDuplicate } from './unavailable.ts';

interface Line {
  readonly event: Event;
  readonly line: string;
}

/** How often a key's last use is written at most: it tells days, not seconds. */
const keyUseMs = 60_000;

/** Opens the ledger; what each method promises is in core/record/ports.ts. */
export function createLedger(sql: Sql, contextKey: Uint8Array): Ledger {
  const partitions = createPartitions(sql);
  const recentlyUsed = new Map<string, number>();

  async function commit(segment: Segment, lines: readonly Line[], now: Date): Promise<CommitResult> {
    const tenants = segment.parts.map((part) => part.tenant);
    const uses = staleUses(lines, recentlyUsed, now.getTime());
    const outcome = await withTenants(sql, contextKey, tenants, now, async (tx) => {
      // Started at once and in this order: they travel together, and the counters are locked last.
      const critical = segment.tier === 'critical' && lines.length > 0;
      const tokens = critical ? tokensOf(lines) : [];
      const [, stored, , , numbered] = await Promise.all([
        insertSegment(tx, segment, tenants),
        critical ? insertEvents(tx, lines) : undefined,
        tokens.length > 0 ? insertTokens(tx, tokens) : undefined,
        uses.length > 0 ? touchKeys(tx, uses, now) : undefined,
        insertParts(tx, segment),
      ]);
      return { stored: stored?.count, numbered };
    });
    for (const { tenant, key } of uses) recentlyUsed.set(`${tenant}/${key}`, now.getTime());
    const seqs = new Map(outcome.numbered.map((row) => [String(row.tenant_id), BigInt(row.seq)]));
    return {
      duplicates: outcome.stored === undefined ? 0 : lines.length - outcome.stored,
      parts: segment.parts.map((part) => ({ ...part, seq: seqs.get(part.tenant)! })),
    };
  }

  return {
    async known(ids) {
      if (ids.length === 0) return new Set();
      const tenants = [...new Set(ids.map((one) => one.tenant))];
      const rows = await withTenants(sql, contextKey, tenants, new Date(), async (tx) => {
        const wanted = JSON.stringify(ids.map(({ tenant, id }) => ({ tenant, id })));
        return tx`select e.tenant_id || '/' || e.id as known
          from json_to_recordset(${wanted}::text::json) as w (tenant uuid, id uuid)
          join record.event e on e.tenant_id = w.tenant and e.id = w.id`;
      });
      return new Set(rows.map((row) => String(row.known)));
    },

    async commit(segment, lines) {
      try {
        try {
          return await commit(segment, lines, new Date());
        } catch (error) {
          if (!lacksPartition(error)) throw error;
          for (const month of monthsOf(lines)) await partitions.ensure(month, 0);
          return await commit(segment, lines, new Date());
        }
      } catch (error) {
        if (isDuplicate(error)) throw new Problem('conflict', 'the segment is committed already', { cause: error });
        throw error;
      }
    },

    async announced(segmentIds) {
      if (segmentIds.length === 0) return;
      await asked(sql`update record.segment set announced_at = now()
        where segment_id = any (string_to_array(${segmentIds.join(',')}::text, ',')::uuid[]) and announced_at is null`);
    },

    async unannounced(before, limit) {
      const rows = await asked(sql`select segment_id, key, tier, array_to_string(tenants, ',') as tenants
        from record.segment where announced_at is null and committed_at < ${before}
        order by committed_at limit ${limit}`);
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
      const rows = await asked(sql`select s.key from json_to_recordset(${wanted}::text::json) as w (id uuid, key text)
        join record.segment s on s.segment_id = w.id and s.key = w.key`);
      return new Set(rows.map((row) => String(row.key)));
    },
  };
}

const insertSegment = (tx: TransactionSql, segment: Segment, tenants: readonly string[]) =>
  tx`insert into record.segment (segment_id, key, tier, bytes, sha256, tenants)
    values (${segment.id}, ${segment.key}, ${tiers.indexOf(segment.tier)}, ${segment.bytes},
      decode(${segment.sha256}, 'hex'), string_to_array(${tenants.join(',')}::text, ',')::uuid[])`;

/**
 * All rows in one statement: the columns as one JSON text, the bodies as another text that is cut at its newlines
 * (canonical JSON holds none), so that bodies are neither escaped nor unescaped. Rows go in by (tenant, id): two
 * deliveries of one batch at once then wait for each other and never deadlock.
 */
export function insertEvents(tx: TransactionSql | Sql, lines: readonly Line[]): PendingQuery<Row[]> {
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
function tokensOf(lines: readonly Line[]): EventToken[] {
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
const insertTokens = (tx: TransactionSql | Sql, tokens: readonly EventToken[]) =>
  tx`insert into record.event_token (tenant_id, token, occurred_at, event_id)
    select * from json_to_recordset(${JSON.stringify(tokens)}::text::json) as w (t uuid, k text, o timestamptz, i uuid)
    order by 1, 2, 3, 4
    on conflict do nothing`;

/** One number for each tenant, taken in the order of tenants; the row lock is held from here to COMMIT only. */
function insertParts(tx: TransactionSql, segment: Segment) {
  const parts = JSON.stringify(
    segment.parts.map((part) => ({
      tenant: part.tenant,
      events: part.events,
      min_time: part.minTime,
      max_time: part.maxTime,
      min_id: part.minId,
      max_id: part.maxId,
      blocks: Buffer.from(encodeBlocks(part.blocks)).toString('base64'),
    })),
  );
  return tx`with part as materialized (
      select * from json_to_recordset(${parts}::text::json) as p (tenant uuid, events int, min_time bigint,
        max_time bigint, min_id uuid, max_id uuid, blocks text)
    ), numbered as (
      insert into record.tenant_counter as counter (tenant_id, seq)
      select tenant, 1 from part order by tenant
      on conflict (tenant_id) do update set seq = counter.seq + 1
      returning tenant_id, seq
    )
    insert into record.segment_part
      (tenant_id, seq, segment_id, tier, events, min_time, max_time, min_id, max_id, blocks)
    select n.tenant_id, n.seq, ${segment.id}::uuid, ${tiers.indexOf(segment.tier)}::smallint, p.events,
      p.min_time, p.max_time, p.min_id, p.max_id, decode(p.blocks, 'base64')
    from part p join numbered n on n.tenant_id = p.tenant
    returning tenant_id, seq`;
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
function staleUses(lines: readonly Line[], recent: Map<string, number>, nowMs: number) {
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
function monthsOf(lines: readonly Line[]): Date[] {
  const months = new Set(
    lines.map(({ event }) =>
      new Date(Number.parseInt(event.id.replace('-', '').slice(0, 12), 16)).toISOString().slice(0, 7),
    ),
  );
  return [...months].sort().map((month) => new Date(`${month}-01T00:00:00Z`));
}
