/** Finds among the segments on S3 what a log has and its database lost. */
import { createHash } from 'node:crypto';
import { commitmentOf } from '#core/proof/commitment.ts';
import type { ProofCrypto } from '#core/proof/crypto.ts';
import { kindOf, type Leaf } from '#core/proof/entry.ts';
import type { FoundPart, RebuildPlan } from '#core/proof/ports.ts';
import {
  type Arrangement,
  gapsOf,
  inLogOrder,
  type Run,
  runFinder,
  Stuck,
  type Tail,
} from '#core/proof/recover-plan.ts';
import type { EventLine } from '#core/record/envelope.ts';
import { planSegment } from '#core/record/plan-segment.ts';
import type { Segments } from '#core/record/ports.ts';
import { logger } from '#functions/runtime/observe.ts';

/** A part of a segment, and where the log has its leaves. */
export interface FoundRun extends Run {
  /** Of the segment. */
  readonly key: string;
}

const minute = 60_000;
/** A writer commits within a minute after it wrote the segment; the rest is for clocks. */
const beforeMs = 15 * minute;
/** The sweep of the record commits what a writer left behind, up to so much later. */
const adoptedMs = 51 * 60 * minute;

/** The writer's clock was fast: what is not found now comes back as an orphan, and has two leaves then. */
const fastMs = 25 * 60 * minute;

type Places = { readonly segments: Pick<Segments, 'list' | 'load'>; readonly crypto: ProofCrypto };

/** Runs of a tenant's parts that the log has from `agreed` on. Looks where they must lie, then where they may. */
export async function findRuns(ports: Places, tenant: string, tail: Tail, agreed: number): Promise<FoundRun[]> {
  if (agreed >= tail.size) return [];
  const find = runFinder(tail, agreed);
  const first = tail.entries[agreed - tail.from]!.time;
  const last = tail.entries.at(-1)!.time;
  const [soon, late] = [new Date(first - beforeMs), new Date(last + beforeMs)];
  const runs = await search(ports, tenant, find, soon, late);
  const isWhole = () => gapsOf(inLogOrder(runs), agreed, tail.size).length === 0;
  if (!isWhole()) runs.push(...(await search(ports, tenant, find, new Date(first - adoptedMs), soon)));
  if (!isWhole()) runs.push(...(await search(ports, tenant, find, late, new Date(last + fastMs))));
  return runs;
}

async function search(
  { segments, crypto }: Places,
  tenant: string,
  find: ReturnType<typeof runFinder>,
  from: Date,
  to: Date,
): Promise<FoundRun[]> {
  const runs: FoundRun[] = [];
  for await (const { key } of segments.list(from, to)) {
    const loaded = await segments.load(key).catch((error: unknown) => {
      if ((error as Error).name === 'Unavailable') throw error;
      // It is not what its index says: whatever it held, it is none of what was committed.
      logger.error('a segment cannot be read', { key, error: error as Error });
      return undefined;
    });
    const own = loaded?.lines.filter(({ event }) => event.tenant === tenant) ?? [];
    const run = find(leavesOf(crypto, own));
    if (run) runs.push({ ...run, key });
  }
  return runs;
}

const leavesOf = (crypto: ProofCrypto, lines: readonly EventLine[]): Leaf[] =>
  lines.map(({ event, line }) => ({ id: event.id, kind: kindOf(event), commitment: commitmentOf(crypto, line) }));

/** The parts of runs with their lines. */
export async function loadFound(
  segments: Pick<Segments, 'load'>,
  tenant: string,
  { from, entries }: Tail,
  runs: readonly FoundRun[],
): Promise<FoundPart[]> {
  const found: FoundPart[] = [];
  for (const { key, firstLeaf, events } of runs) {
    const loaded = await segments.load(key);
    if (!loaded) throw new Stuck(`segment ${key} was there and is gone`);
    found.push({
      segment: loaded.segment,
      lines: loaded.lines.filter(({ event }) => event.tenant === tenant),
      entries: entries.slice(firstLeaf - from, firstLeaf - from + events),
      firstLeaf,
    });
  }
  return found;
}

interface LeftoverPorts extends Places {
  readonly segments: Pick<Segments, 'write' | 'load' | 'list'>;
  readonly newId: (now: Date) => string;
  readonly clock: () => Date;
}

/** What dropped parts had and the log has not, in segments of its own. A plan that is made again uses the same ones. */
export class Leftovers {
  readonly #ports: LeftoverPorts;
  readonly #tenant: string;
  readonly #written = new Map<string, RebuildPlan['rewritten'][number]>();

  constructor(ports: LeftoverPorts, tenant: string) {
    this.#ports = ports;
    this.#tenant = tenant;
  }

  async rewrite(left: Arrangement['left']): Promise<RebuildPlan['rewritten']> {
    const rewritten: RebuildPlan['rewritten'][number][] = [];
    for (const { part, ids } of left) {
      const name = createHash('sha256')
        .update([part.segment, ...ids].join())
        .digest('hex');
      const done = this.#written.get(name) ?? (await this.#write(part, ids));
      this.#written.set(name, done);
      rewritten.push(done);
    }
    return rewritten;
  }

  async #write({ key, tier }: Arrangement['left'][number]['part'], ids: ReadonlySet<string>) {
    const { segments, crypto, newId, clock } = this.#ports;
    const now = clock();
    const loaded = await segments.load(key);
    if (!loaded) throw new Stuck(`segment ${key} holds events that the log has not, and it is gone`);
    const lines = loaded.lines.filter(({ event }) => event.tenant === this.#tenant && ids.has(event.id));
    // Without messages: the sweep of the record takes it for garbage if the recovery breaks off, and so it is then.
    const plan = planSegment(lines, { id: newId(now), tier, now });
    const segment = await segments.write(plan);
    const ordered = plan.blocks.flatMap((block) => block.lines);
    return { segment, lines: ordered, leaves: leavesOf(crypto, ordered) };
  }
}
