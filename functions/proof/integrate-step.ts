/**
 * Integrate: leaves whose order is fixed become tiles on S3, then the tree in Postgres.
 *
 * No lock is held. The order of leaves cannot change, so whoever races us writes the same bytes, and one of us wins the
 * compare-and-swap. What was written before a crash is written again, the same.
 */
import { sameBytes } from '#core/proof/bytes.ts';
import { encodeEntry } from '#core/proof/entry.ts';
import {
  bundles,
  decodeEdge,
  type Edge,
  encodeEdge,
  integrate,
  type LogFile,
  rootOfEdge,
} from '#core/proof/integrate.ts';
import type { LogRecord } from '#core/proof/ports.ts';
import { readEdge, readEntries } from '#core/proof/prove.ts';
import { entriesPath, tilePath, tileWidth } from '#core/proof/tiles.ts';
import { leafHash } from '#core/proof/tree.ts';
import { Unavailable } from '#core/record/ports.ts';
import { inParallel } from './in-parallel.ts';
import { freeze, type SealLogPorts, Stop } from './seal-ports.ts';

/** 4 MiB of bundles and tiles, and half a second of hashing and writing. */
const leavesMax = 20_000;
/** Requests to S3 at once. */
const putsAtOnce = 16;

/** Entries of the last, partial bundle of a tree, as a run carries them from one round to its next. */
export interface LastBundle {
  readonly size: number;
  readonly root: Uint8Array;
  readonly entries: readonly Uint8Array[];
}

export interface Grown {
  /** The log with its larger tree. */
  readonly log: LogRecord;
  readonly last: LastBundle;
}

/** One round. Undefined when no leaf waits. Rejects with `Unavailable`; then nothing has changed that auditors can see. */
export async function grow(
  ports: SealLogPorts,
  log: LogRecord,
  carried: LastBundle | undefined,
): Promise<Grown | Stop | undefined> {
  const { ledger, crypto } = ports;
  const parts = await ledger.outbox(log.tenant, log.size, leavesMax);
  if (parts.length === 0) return log.leaves > log.size ? outboxLacks(ports, log) : undefined;
  const edge = await checkedEdge(ports, log);
  if (edge instanceof Stop) return edge;
  const partial = await lastEntries(ports, log, edge, carried);
  if (partial instanceof Stop) return partial;
  const entries = parts.flatMap(({ leaves, time }) => leaves.map((leaf) => encodeEntry({ ...leaf, time })));
  const hashes = entries.map((entry) => leafHash(crypto, entry));
  const next = integrate(crypto, { size: log.size, edge }, hashes);
  const files = [...bundles({ size: log.size, partial }, entries), ...next.tiles];
  if (!(await putAll(ports, log.slug, files))) return freeze(ports, log, 'tile_differs');
  const tree = { size: next.size, root: next.root, edge: encodeEdge(next.edge) };
  if (!(await ledger.advance(log.tenant, log, tree))) return new Stop('busy');
  const rest = next.size % tileWidth;
  const last = rest === 0 ? [] : [...partial, ...entries].slice(-rest);
  return { log: { ...log, ...tree }, last: { size: next.size, root: next.root, entries: last } };
}

/** False when S3 holds other bytes at one of the paths. */
async function putAll({ logs }: SealLogPorts, slug: string, files: readonly LogFile[]): Promise<boolean> {
  let differs = false;
  await inParallel(files, putsAtOnce, async ({ path, bytes }) => {
    if (!differs && (await logs.put(slug, path, bytes)) === 'different') differs = true;
  });
  return !differs;
}

/** Leaves were promised that are not there: either somebody has sealed them just now, or a row was removed. */
async function outboxLacks({ ledger }: SealLogPorts, log: LogRecord): Promise<Stop> {
  const again = await ledger.find(log.tenant);
  if (again?.size !== log.size || again.epoch !== log.epoch) return new Stop('busy');
  throw new Error(`leaf ${log.size} of log ${log.slug} is not in the outbox`);
}

/** The edge in Postgres if it hashes to the root, else the one on S3. */
export async function checkedEdge(ports: SealLogPorts, log: LogRecord): Promise<Edge | Stop> {
  const { crypto, logs } = ports;
  const isRight = (edge: Edge) => sameBytes(rootOfEdge(crypto, edge, log.size), log.root);
  try {
    const edge = decodeEdge(log.edge, log.size);
    if (isRight(edge)) return edge;
  } catch {
    // Not even the length is right.
  }
  try {
    const edge = await readEdge(crypto, (path) => logs.get(log.slug, path), log.size);
    if (isRight(edge)) return edge;
  } catch (error) {
    if (error instanceof Unavailable) throw error;
  }
  return freeze(ports, log, 'edge_differs');
}

/** The entries that share a bundle with the next leaf; each must be what the tree has of it. */
async function lastEntries(
  ports: SealLogPorts,
  { size, root, ...log }: LogRecord,
  edge: Edge,
  carried: LastBundle | undefined,
): Promise<readonly Uint8Array[] | Stop> {
  const count = size % tileWidth;
  if (count === 0) return [];
  if (carried?.size === size && sameBytes(carried.root, root)) return carried.entries;
  const { crypto, logs } = ports;
  try {
    const entries = await readEntries((path) => logs.get(log.slug, path), size - count, size, size);
    if (entries.every((entry, index) => sameBytes(leafHash(crypto, entry), edge[0]![index]!))) return entries;
  } catch (error) {
    if (error instanceof Unavailable) throw error;
  }
  return freeze(ports, { size, root, ...log }, 'tile_differs');
}

/** Folders of partial tiles that a tree of size `from` had and one of size `to` has full. */
export function* outgrown(from: number, to: number): Generator<string> {
  for (let level = 0, width = 1; width <= from; level++, width *= tileWidth) {
    const [before, after] = [Math.floor(from / width), Math.floor(to / width)];
    const n = Math.floor(before / tileWidth);
    if (before % tileWidth === 0 || Math.floor(after / tileWidth) === n) continue;
    yield `${tilePath(level, n)}.p/`;
    if (level === 0) yield `${entriesPath(n)}.p/`;
  }
}
