/**
 * The second half of an import: what lies in the folder goes out, and is read back and compared.
 *
 * A range goes out under ids that follow from the import, the row and a time that the journal has before; the same range
 * again is the same request, to the byte. So a stop doubles nothing: where the receipt was lost, it is asked for again.
 */
import { createHash } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Trailkeep } from '#client/trailkeep.ts';
import { LinesSum } from '#core/archive/lines-sum.ts';
import { type EventInput, idPastMsMax } from '#core/event/event.ts';
import { uuidv7 } from '#core/event/uuid.ts';
import { importMark } from '#core/record/formats/imported.ts';
import { CliError } from './fail.ts';
import { addTo } from './import-stage.ts';
import type { Range, Refused, Staging } from './staging.ts';

const inFlightMax = 4;
/** Ids must be younger than this when they come in; a day is for the way. */
const idAgeMsMax = idPastMsMax - 24 * 3600 * 1000;
/** The API looks for so many ids at once. */
const lookedForMax = 100;

/** What the key adds to every event that it sends. */
export interface Bound {
  readonly project?: string;
  readonly environment?: string;
}

export interface CommitWatch {
  readonly stop: AbortSignal;
  readonly now: () => Date;
  readonly events: (count: number) => void;
}

/** Sends what was not sent. Resolves to false when it was stopped before the end. */
export async function commit(client: Trailkeep, staging: Staging, bound: Bound, watch: CommitWatch): Promise<boolean> {
  const waiting = staging.ranges.filter(({ range }) => !staging.sent.has(range));
  const inFlight = new Set<Promise<void>>();
  let failure: unknown;
  for (const range of waiting) {
    if (watch.stop.aborted || failure !== undefined) break;
    const sent = send(client, staging, range, bound, watch).catch((error: unknown) => {
      failure ??= error;
    });
    inFlight.add(sent);
    void sent.finally(() => inFlight.delete(sent));
    if (inFlight.size >= inFlightMax) await Promise.race(inFlight);
  }
  await Promise.all(inFlight);
  if (failure !== undefined) throw failure;
  return !watch.stop.aborted;
}

async function send(
  client: Trailkeep,
  staging: Staging,
  range: Range,
  bound: Bound,
  { now, events: told }: CommitWatch,
): Promise<void> {
  const before = staging.sending.get(range.range);
  const nowMs = now().getTime();
  const isOld = before !== undefined && nowMs - before.idTime > idAgeMsMax;
  const events = staging.readRange(range).map((event) => ({ ...event, ...bound }));
  // Ids of that age are not taken any more, so what came in before is looked for.
  const there = isOld ? await found(client, events, staging.begin.import) : new Set<string>();
  const going = events.filter(({ external_id }) => !there.has(external_id!));
  const idTime = before && !isOld ? before.idTime : nowMs;
  if (going.length > 0) await staging.note({ is: 'sending', sending: { range: range.range, idTime } });
  const body = going
    .map((event) => `${JSON.stringify({ id: idOf(staging.begin.import, event, idTime), ...event })}\n`)
    .join('');
  const idempotencyKey = `import-${createHash('sha256').update(body).digest('hex')}`;
  const items = going.length === 0 ? [] : (await client.sendLines(body, { idempotencyKey })).items;
  const refused = items.flatMap((item): Refused[] =>
    item.status === 'refused'
      ? [{ row: going[item.index]?.external_id ?? '?', code: item.code, detail: item.detail }]
      : [],
  );
  const sum = new LinesSum();
  const out = new Set(refused.map(({ row }) => row));
  for (const event of events) if (!out.has(event.external_id!)) addTo(sum, event);
  const sent = { range: range.range, idTime, events: sum.count, checksum: sum.hex, refused };
  await staging.note({ is: 'sent', sent });
  told(events.length);
}

/** Follows from the import and the row; its time says when it was sent. */
const idOf = (name: string, { external_id }: EventInput, timeMs: number): string =>
  uuidv7(timeMs, createHash('sha256').update(`${name}/${external_id}`).digest());

/** External ids of the events that the trail has of this import. */
async function found(client: Trailkeep, events: readonly EventInput[], name: string): Promise<Set<string>> {
  const there = new Set<string>();
  for (let at = 0; at < events.length; at += lookedForMax) {
    const some = events.slice(at, at + lookedForMax).map(({ external_id }) => external_id!);
    for await (const event of client.search({ external_id: some, limit: 1000 })) {
      if (importMark(event)?.id === name) there.add(event.external_id!);
    }
  }
  return there;
}

/** Rejects when some of these rows are in the trail by another import. Looks at a hundred of them. */
export async function refuseTwice(client: Trailkeep, staging: Staging): Promise<void> {
  const { ranges, begin } = staging;
  const full = ranges.filter(({ events }) => events > 0);
  const step = Math.max(1, Math.floor(full.length / lookedForMax));
  const names = full
    .filter((_, index) => index % step === 0)
    .slice(0, lookedForMax)
    .map((range) => staging.readRange(range)[0]!.external_id!);
  if (names.length === 0) return;
  for await (const event of client.search({ external_id: names, limit: 1000 })) {
    const other = importMark(event)?.id;
    if (other === begin.import) continue;
    const by = other === undefined ? 'came another way' : `came by import ${other}`;
    throw new CliError(
      `The trail has ${event.external_id} already: it ${by}.`,
      'Was this table imported before? With --again it is imported all the same, and its events are there twice.',
    );
  }
}

/** One range, as it is in the folder and as the trail has it. */
export interface Difference {
  readonly range: Range;
  readonly sent: number;
  readonly there: number;
}

export interface Comparison {
  readonly sent: { readonly events: number; readonly checksum: string };
  readonly there: { readonly events: number; readonly checksum: string };
  /** Events of which this key does not see all fields. */
  readonly masked: number;
  readonly different: readonly Difference[];
}

/** Bulk events appear some seconds after their receipt, and minutes after a storm of them. */
const looksMax = 40;
const lookEveryMs = 3000;

/** Reads the import back through the API, range by range; waits for what is not there yet. */
export async function compare(client: Trailkeep, staging: Staging, stop: AbortSignal): Promise<Comparison> {
  for (let look = 1; ; look++) {
    const comparison = await readBack(client, staging, stop);
    const isShort = comparison.there.events < comparison.sent.events;
    if (!isShort || look >= looksMax || stop.aborted) return comparison;
    await sleep(lookEveryMs, undefined, { signal: stop }).catch(() => {});
  }
}

async function readBack(client: Trailkeep, staging: Staging, stop: AbortSignal): Promise<Comparison> {
  const { begin, ranges, sent } = staging;
  const times = ranges.flatMap(({ minTime, maxTime }) => (minTime === null ? [] : [minTime, maxTime!]));
  const [total, read] = [new LinesSum(), new LinesSum()];
  for (const { checksum, events } of sent.values()) total.addSum(checksum, events);
  const sums = new Map<number, LinesSum>();
  let masked = 0;
  if (times.length > 0) {
    const [from, to] = [times.reduce((a, b) => Math.min(a, b)), times.reduce((a, b) => Math.max(a, b)) + 1];
    const own = begin.mapping.fields.operation_id === undefined ? { operation_id: [begin.import] } : {};
    const filter = { from: new Date(from).toISOString(), to: new Date(to).toISOString(), limit: 1000, ...own };
    for await (const event of client.search(filter, { signal: stop })) {
      const mark = importMark(event);
      if (mark?.id !== begin.import) continue;
      if (event.redacted) masked += 1;
      const sum = sums.get(mark.range) ?? new LinesSum();
      sums.set(mark.range, sum);
      addTo(sum, event);
    }
  }
  const different: Difference[] = [];
  for (const range of ranges) {
    const [ours, theirs] = [sent.get(range.range), sums.get(range.range)];
    if (theirs) read.addSum(theirs.hex, theirs.count);
    const isSame = (theirs?.count ?? 0) === (ours?.events ?? 0) && (!theirs || theirs.hex === ours?.checksum);
    if (!isSame) different.push({ range, sent: ours?.events ?? 0, there: theirs?.count ?? 0 });
  }
  const of = (sum: LinesSum) => ({ events: sum.count, checksum: sum.hex });
  return { sent: of(total), there: of(read), masked, different };
}
