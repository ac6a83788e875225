/**
 * Plans a segment: the order of its lines, where its blocks are cut and what each block holds.
 *
 * Lines of one tenant and category lie together and in time order, which compresses a fifth better than
 * arrival order and lets a query for one tenant read few blocks.
 */
import type { Tier } from '#core/event/event.ts';
import type { EventLine } from './envelope.ts';
import { filterOfEvents } from './membership.ts';
import { blockRawBytesMax, type SegmentPlan } from './segment.ts';

interface Row {
  readonly line: EventLine;
  readonly time: number;
}
export interface PlanContext {
  readonly id: string;
  readonly tier: Tier;
  readonly now: Date;
  /** By tenant: digests of the messages that the lines came by. */
  readonly messages?: SegmentPlan['messages'];
}
type PlannedBlock = SegmentPlan['blocks'][number];

/**
 * A plan for a batch: lines by tenant, category, occurred_at and id, without repeats of (tenant, id), in blocks of
 * at most `blockRawBytesMax` UTF-8 bytes that never mix tenants. A line larger than that has a block alone.
 * The key's hour is that of `now` in UTC, so a sweeper finds by time what a crash left behind.
 */
export function planSegment(lines: readonly EventLine[], by: PlanContext): SegmentPlan {
  const tenants = new Map<string, { ids: Set<string>; categories: Map<string, Row[]> }>();
  for (const line of lines) {
    const { tenant, id, category, occurred_at } = line.event;
    let own = tenants.get(tenant);
    if (!own) {
      own = { ids: new Set(), categories: new Map() };
      tenants.set(tenant, own);
    }
    if (own.ids.has(id)) continue;
    own.ids.add(id);
    const rows = own.categories.get(category);
    const row = { line, time: Date.parse(occurred_at) };
    if (rows) rows.push(row);
    else own.categories.set(category, [row]);
  }
  const blocks: PlannedBlock[] = [];
  for (const tenant of [...tenants.keys()].sort()) {
    const { categories } = tenants.get(tenant)!;
    const rows = [...categories.keys()].sort().flatMap((category) => categories.get(category)!.sort(byTimeThenId));
    cut(tenant, rows, blocks);
  }
  return { id: by.id, key: segmentKey(by.id, by.now), tier: by.tier, messages: by.messages ?? new Map(), blocks };
}

/** `segments/v1/dt=YYYY-MM-DD/hh=HH/<id>.jsonl.gz`, by the hour of `now` in UTC. */
export const segmentKey = (id: string, now: Date): string => `${segmentPrefix(now)}${id}.jsonl.gz`;

/** The folder of an hour of segments, with the slash. */
export function segmentPrefix(hour: Date): string {
  const iso = hour.toISOString();
  return `segments/v1/dt=${iso.slice(0, 10)}/hh=${iso.slice(11, 13)}/`;
}

function byTimeThenId(a: Row, b: Row): number {
  if (a.time !== b.time) return a.time - b.time;
  return a.line.event.id < b.line.event.id ? -1 : 1;
}

function cut(tenant: string, rows: readonly Row[], blocks: PlannedBlock[]): void {
  let start = 0;
  let bytes = 0;
  for (let at = 0; at < rows.length; at++) {
    const lineBytes = utf8Bytes(rows[at]!.line.line) + 1;
    if (at > start && bytes + lineBytes > blockRawBytesMax) {
      blocks.push(blockOf(tenant, rows.slice(start, at)));
      start = at;
      bytes = 0;
    }
    bytes += lineBytes;
  }
  blocks.push(blockOf(tenant, rows.slice(start)));
}

function blockOf(tenant: string, rows: readonly Row[]): PlannedBlock {
  let text = '';
  let minTime = Number.POSITIVE_INFINITY;
  let maxTime = Number.NEGATIVE_INFINITY;
  let minId = rows[0]!.line.event.id;
  let maxId = minId;
  for (const { line, time } of rows) {
    text += `${line.line}\n`;
    if (time < minTime) minTime = time;
    if (time > maxTime) maxTime = time;
    if (line.event.id < minId) minId = line.event.id;
    if (line.event.id > maxId) maxId = line.event.id;
  }
  const filter = filterOfEvents(rows.map(({ line }) => line.event));
  const lines = rows.map((row) => row.line);
  return { tenant, lines, text, events: rows.length, minTime, maxTime, minId, maxId, filter };
}

const encoder = new TextEncoder();
const scratch = new Uint8Array(blockRawBytesMax);

/** UTF-8 length without allocating; a line that outgrows the scratch is longer than any block anyway. */
export function utf8Bytes(line: string): number {
  const { read, written } = encoder.encodeInto(line, scratch);
  return read === line.length ? written : encoder.encode(line).length;
}
