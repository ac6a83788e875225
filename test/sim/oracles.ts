/** What must be true when a run is over and everything has healed. */
import { sameBytes } from '#core/proof/bytes.ts';
import { parseCheckpoint } from '#core/proof/checkpoint.ts';
import { commitmentOf } from '#core/proof/commitment.ts';
import { decodeEntry, type Entry, kindOf } from '#core/proof/entry.ts';
import { integrate } from '#core/proof/integrate.ts';
import { readEntries } from '#core/proof/prove.ts';
import { pathsOf } from '#core/proof/tiles.ts';
import { emptyRoot, leafHash } from '#core/proof/tree.ts';
import type { EventLine } from '#core/record/envelope.ts';
import { nodeProofCrypto as crypto } from '#stores/crypto/proof-crypto.ts';
import { missingOf } from './auditor.ts';
import type { LogRow } from './database.ts';
import { host, type World } from './world.ts';

/** Checks a world; what is wrong is told to it. Resolves with the leaves that the logs have. */
export async function judge(world: World): Promise<number> {
  const where = new Map<string, number>();
  let leaves = 0;
  for (const tenant of world.tenants) {
    const log = world.database.tables.logs.get(tenant);
    if (!log) continue;
    const entries = await entriesOf(world, log);
    if (!entries) continue;
    leaves += entries.length;
    checkLeaves(world, tenant, entries, where);
    checkRoots(world, log, entries);
    checkParts(world, tenant, entries);
  }
  const lost = [...world.accepted].filter((id) => !where.has(id));
  if (lost.length > 0) world.violated('lost', `${lost.length} accepted events have no leaf, one is ${lost[0]}`);
  const foreign = [...where.keys()].filter((id) => !world.sent.has(id));
  if (foreign.length > 0) world.violated('invented', `${foreign.length} leaves stand for events that nobody sent`);
  return leaves;
}

const readerOf = (world: World, slug: string) => async (path: string) =>
  world.bucket.objects.get(`t/${slug}/${path}`)?.bytes;

/** The published log, read from S3 alone: its bundles give its tiles, and its tiles its root. */
async function entriesOf(world: World, log: LogRow): Promise<readonly Entry[] | undefined> {
  const published = world.bucket.objects.get(`t/${log.slug}/checkpoint`)?.bytes;
  if (!published) {
    if (world.database.leavesOf(log.tenant) > 0) world.violated('stuck', `log ${log.slug} has published nothing`);
    return undefined;
  }
  const note = new TextDecoder().decode(published);
  const { size, root } = parseCheckpoint(note.slice(0, note.indexOf('\n\n') + 1))!;
  const missing = missingOf(world.bucket, log.slug, size);
  if (missing.length > 0) {
    world.violated('fsck', `size ${size} needs ${missing[0]}`);
    return undefined;
  }
  const read = readerOf(world, log.slug);
  const raw = await readEntries(read, 0, size, size);
  const tree = integrate(
    crypto,
    { size: 0, edge: [] },
    raw.map((entry) => leafHash(crypto, entry)),
  );
  const files = new Map(tree.tiles.map(({ path, bytes }) => [path, bytes] as const));
  for (const path of pathsOf(size)) {
    const own = files.get(path);
    const there = world.bucket.objects.get(`t/${log.slug}/${path}`)?.bytes;
    if (own && there && !sameBytes(own, there)) world.violated('fsck', `${path} does not follow from the entries`);
  }
  if (!sameBytes(tree.root, root)) world.violated('fsck', `the entries of size ${size} do not give its root`);
  const entries = raw.map(decodeEntry);
  if (entries.some((entry) => entry === undefined)) {
    world.violated('fsck', 'an entry cannot be read');
    return undefined;
  }
  return entries as Entry[];
}

function checkLeaves(world: World, tenant: string, entries: readonly Entry[], where: Map<string, number>): void {
  let time = 0;
  let twice = 0;
  entries.forEach(({ id, time: t }, index) => {
    if (where.has(id)) twice++;
    where.set(id, index);
    if (t < time) world.violated('time', `leaf ${index} is older than the one before`);
    time = t;
    const sent = world.sent.get(id);
    if (sent && sent.tenant !== tenant) world.violated('tenant', `leaf ${index} is another tenant's`);
  });
  if (twice > 0) world.violated('duplicated', `${twice} events have two leaves`);
}

/** Every checkpoint that anybody could ever see, and every one that was signed, is a prefix of the log as it is now. */
function checkRoots(world: World, log: LogRow, entries: readonly Entry[]): void {
  const origin = `${host}/t/${log.slug}`;
  const signed = world.key.signed.flatMap(({ message }) => {
    const checkpoint = parseCheckpoint(message);
    return checkpoint?.origin === origin ? [checkpoint] : [];
  });
  const shown = [...world.auditor.archived, ...world.auditor.published].filter(({ slug }) => slug === log.slug);
  const sizes = [...new Set([...signed, ...shown].map(({ size }) => size))].sort((a, b) => a - b);
  const roots = rootsAt(world, log, sizes, entries.length);
  const wrong = ({ size, root }: { readonly size: number; readonly root: Uint8Array }) => {
    const own = roots.get(size);
    return own === undefined || !sameBytes(own, root);
  };
  for (const one of shown.filter(wrong)) {
    world.violated('fork', `checkpoint ${one.size} of ${log.slug} is no prefix of the log of size ${entries.length}`);
  }
  const kept = world.database.history.notes;
  const name = (one: { readonly size: number; readonly root: Uint8Array }) =>
    `${origin}\n${one.size}\n${Buffer.from(one.root).toString('base64')}\n`;
  for (const one of signed.filter(wrong)) {
    if (kept.has(name(one))) world.violated('contradiction', `size ${one.size} of ${log.slug} was signed and kept`);
    else world.signedInVain++;
  }
}

/** The roots that the log has at these sizes, as far as it goes. */
function rootsAt(world: World, log: LogRow, sizes: readonly number[], last: number): Map<number, Uint8Array> {
  const roots = new Map<number, Uint8Array>([[0, emptyRoot(crypto)]]);
  const hashes = leafHashesOf(world, log, last);
  let tree = { size: 0, edge: [] as readonly (readonly Uint8Array[])[] };
  for (const size of sizes) {
    if (size <= tree.size || size > last) continue;
    const next = integrate(crypto, tree, hashes.slice(tree.size, size));
    roots.set(size, next.root);
    tree = next;
  }
  return roots;
}

/** From the tiles, which were checked before. */
function leafHashesOf(world: World, log: LogRow, size: number): Uint8Array[] {
  const hashes: Uint8Array[] = [];
  for (const path of pathsOf(size)) {
    if (!path.startsWith('tile/0/')) continue;
    const { bytes } =
      world.bucket.objects.get(`t/${log.slug}/${path}`) ??
      world.bucket.objects.get(`t/${log.slug}/${path.replace(/\.p\/\d+$/, '')}`)!;
    for (let at = 0; at < bytes.length; at += 32) hashes.push(bytes.subarray(at, at + 32));
  }
  return hashes.slice(0, size);
}

/** Parts number the leaves without gaps, and what is stored of each event is what its leaf commits to. */
function checkParts(world: World, tenant: string, entries: readonly Entry[]): void {
  const { database, segments } = world;
  const parts = database.partsOf(tenant).toSorted((a, b) => a.firstLeaf - b.firstLeaf);
  let next = 0;
  let seq = 0n;
  for (const part of parts) {
    if (part.firstLeaf !== next) world.violated('parts', `leaf ${next} is in no part, or in two`);
    if (part.seq <= seq) world.violated('parts', `sequence ${part.seq} comes after ${seq}`);
    seq = part.seq;
    next = part.firstLeaf + part.events;
    const lines = segments.get(part.key)?.body?.filter(({ event }) => event.tenant === tenant);
    if (lines?.length !== part.events) {
      world.violated('parts', `segment ${part.key} does not hold what its part says`);
      continue;
    }
    for (const [ordinal, line] of lines.entries()) {
      checkLine(world, line, entries[part.firstLeaf + ordinal], part.tier === 'critical');
    }
  }
  const counted = database.leavesOf(tenant);
  if (next !== counted) world.violated('parts', `${counted} leaves are counted and ${next} are in parts`);
}

function checkLine(world: World, { event, line }: EventLine, entry: Entry | undefined, critical: boolean): void {
  const kept = (text: string) => entry !== undefined && sameBytes(commitmentOf(crypto, text), entry.commitment);
  if (entry?.id !== event.id || entry.kind !== kindOf(event) || !kept(line)) {
    world.violated('commitment', `the line of ${event.id} is not what its leaf commits to`);
  }
  if (!critical) return;
  const row = world.database.tables.events.get(`${event.tenant}/${event.id}`);
  if (!row || !kept(row.body)) world.violated('commitment', `the row of ${event.id} is not what its leaf commits to`);
}
