/**
 * Builds an auditor's bundle, a file at a time, in the layout of docs/reference/auditor-bundle.md.
 *
 * Building again makes another zip of its own; only one of them is ever handed out.
 */
import type { Event } from '#core/event/event.ts';
import type { SubjectKeys } from '#core/privacy/ports.ts';
import {
  type BundleConsistency,
  type BundleErased,
  type BundleManifest,
  type BundleRange,
  bundleType,
  exportLeavesMax,
  type Without,
  withoutMax,
} from '#core/proof/bundle.ts';
import { bundleReadme } from '#core/proof/bundle-readme.ts';
import { toBase64 } from '#core/proof/bytes.ts';
import type { ProofCrypto } from '#core/proof/crypto.ts';
import { type AuditorExport, type ExportParts, type ExportResult, exportPartBytes } from '#core/proof/export-ports.ts';
import { proveConsistency, proveInclusion, readEntries } from '#core/proof/prove.ts';
import { bundlePaths, findPeriod, type Period, pathsToRoot, proveRange } from '#core/proof/range.ts';
import { formatProof } from '#core/proof/tlog-proof.ts';
import { erasedIn } from './erased.ts';
import { type ExportedLeaf, exportedLeaves, type LinePorts } from './export-lines.ts';
import { type FindPorts, findLeaf } from './find-leaf.ts';
import type { LogPorts, Published } from './published.ts';
import { ZipParts } from './zip-parts.ts';

export interface BuildPorts extends LogPorts, LinePorts, FindPorts {
  readonly leaves: LogPorts['leaves'];
  readonly subjectKeys: Pick<SubjectKeys, 'open'>;
  readonly crypto: ProofCrypto;
  readonly exportParts: ExportParts;
}

/** More leaves than one export may have. */
export class ExportTooLarge extends Error {}

/** Files read from the log at once. */
const readsAtOnce = 16;

/** What is exported: runs of leaves that are proved, and where their lines come from. */
interface Plan {
  /** first ≤ i < last of each run of leaves whose tiles and entries go along. */
  readonly runs: readonly { readonly first: number; readonly last: number }[];
  readonly leaves: AsyncIterable<readonly ExportedLeaf[]>;
  readonly range?: BundleRange;
  readonly proved: readonly number[];
  readonly missing?: readonly string[];
  readonly period?: Period;
}

export async function buildExport(
  ports: BuildPorts,
  wanted: AuditorExport,
  published: Published,
  run: string,
  now: Date,
): Promise<ExportResult> {
  const { tenant, id, asked } = wanted;
  const { origin, size, note, read } = published;
  const kinds = new Set(wanted.sees);
  const sees = (event: Event) => kinds.has(`${event.category} ${event.data_class}`);
  const plan =
    'ids' in asked
      ? await planOfIds(ports, tenant, asked.ids, published, sees)
      : await planOfPeriod(ports, tenant, asked, published, sees);
  const put = (part: number, bytes: Uint8Array) => ports.exportParts.put(tenant, id, run, part, bytes);
  const zip = new ZipParts(put, exportPartBytes, now);
  const madeAt = now.toISOString();
  await zip.text('README.md', bundleReadme({ origin, size, asked, madeAt }));
  await zip.text('checkpoint', note);
  for (const name of ['keys.txt', 'policy.txt']) {
    const bytes = await read(name);
    if (bytes) await zip.file(name, [bytes], 'deflate');
  }
  if (plan.range) await zip.text('range.json', json(plan.range));
  await addTiles(zip, plan, published);

  const without: Without[] = [];
  let more = 0;
  let events = 0;
  const erased: BundleErased['events'][number][] = [];
  const lines = async function* (): AsyncIterable<Uint8Array> {
    for await (const group of plan.leaves) {
      const there = group.filter((leaf) => leaf.line !== undefined);
      for (const leaf of group) {
        if (leaf.line !== undefined) continue;
        if (without.length < withoutMax) without.push({ index: leaf.index, id: leaf.id, reason: leaf.reason });
        else more++;
      }
      const fields = await erasedIn(
        ports,
        tenant,
        there.map(({ event }) => event),
      );
      for (const [at, { index, event }] of there.entries()) {
        if (fields[at]!.length > 0) erased.push({ index, id: event.id, fields: fields[at]! });
      }
      events += there.length;
      yield Buffer.from(there.map(({ line }) => `${line}\n`).join(''));
    }
  };
  await zip.file('events.jsonl', lines(), 'deflate');
  for (const index of plan.proved) {
    const [entry] = await readEntries(read, index, index + 1, size);
    const hashes = await proveInclusion(ports.crypto, read, index, size);
    await zip.text(`proofs/${index}.tlog-proof`, formatProof({ index, hashes, checkpoint: note, extra: entry! }));
  }
  await addHistory(ports, zip, tenant, plan, published);
  if (erased.length > 0) await zip.text('erased.json', json({ v: 1, events: erased } satisfies BundleErased));
  const manifest: BundleManifest = {
    v: 1,
    type: bundleType,
    ...{ origin, size, asked, made_at: madeAt },
    ...(plan.period ? { leaves: { start: plan.period.start, end: plan.period.end } } : {}),
    ...{ events, without },
    ...(more > 0 ? { without_more: more } : {}),
    ...(plan.missing ? { missing: plan.missing } : {}),
  };
  await zip.text('manifest.json', json(manifest));
  return { run, ...(await zip.end()), size, events };
}

const json = (document: object): string => `${JSON.stringify(document)}\n`;

async function planOfPeriod(
  ports: BuildPorts,
  tenant: string,
  asked: { readonly from: string; readonly to: string },
  { origin, size, read }: Published,
  sees: (event: Event) => boolean,
): Promise<Plan> {
  const period = await findPeriod(read, Date.parse(asked.from), Date.parse(asked.to), size);
  const { start, end, first, last } = period;
  if (end - start > exportLeavesMax) throw new ExportTooLarge(`${end - start} leaves`);
  const { left, right } = await proveRange(ports.crypto, read, { first, last, size });
  return {
    runs: [{ first, last }],
    leaves: exportedLeaves(ports, read, tenant, { start, end, size }, sees),
    range: { v: 1, origin, size, ...asked, ...period, left: left.map(toBase64), right: right.map(toBase64) },
    proved: [],
    period,
  };
}

async function planOfIds(
  ports: BuildPorts,
  tenant: string,
  ids: readonly string[],
  { size }: Published,
  sees: (event: Event) => boolean,
): Promise<Plan> {
  const missing: string[] = [];
  const found = new Map<number, ExportedLeaf & { readonly line: string }>();
  for (const id of new Set(ids)) {
    const { event, line, index } = (await findLeaf(ports, tenant, id)) ?? {};
    if (event && line !== undefined && index !== undefined && index < size && sees(event)) {
      found.set(index, { index, line, event });
    } else missing.push(id);
  }
  const leaves = [...found.values()].sort((a, b) => a.index - b.index);
  const proved = leaves.map(({ index }) => index);
  return {
    runs: proved.map((index) => ({ first: index, last: index + 1 })),
    leaves: (async function* () {
      yield leaves;
    })(),
    proved,
    missing,
  };
}

/** Every tile and bundle of the runs once, as the tree of this size has them. */
async function addTiles(zip: ZipParts, { runs }: Plan, { read, size }: Published): Promise<void> {
  // Without leaves the right edge alone leads to the root.
  const ways = runs.length > 0 ? runs : [{ first: size - 1, last: size }];
  const paths = new Set(ways.flatMap(({ first, last }) => [...pathsToRoot(first, last, size)]));
  for (const { first, last } of runs) for (const path of bundlePaths(first, last, size)) paths.add(path);
  const queue = [...paths];
  for (let at = 0; at < queue.length; at += readsAtOnce) {
    const some = queue.slice(at, at + readsAtOnce);
    const files = await Promise.all(some.map(read));
    for (const [index, path] of some.entries()) {
      // A tile that is not there is missing in the bundle too, and the verifier says so.
      if (files[index]) await zip.file(path, [files[index]], path.startsWith('tile/entries/') ? 'deflate' : 'store');
    }
  }
}

/** Older checkpoints, and that the newest continues each of them. */
async function addHistory(
  { leaves, crypto }: BuildPorts,
  zip: ZipParts,
  tenant: string,
  { runs }: Plan,
  { origin, size, read }: Published,
): Promise<void> {
  const [first, last] = [runs[0]?.first ?? 0, runs.at(-1)?.last ?? size];
  const proofs: BundleConsistency['proofs'][number][] = [];
  for (const older of await leaves.signedSizes(tenant, { first, last, size })) {
    const path = `checkpoint-archive/${String(older).padStart(20, '0')}`;
    const note = await read(path);
    if (!note) continue;
    const hashes = older === size ? [] : await proveConsistency(crypto, read, older, size);
    await zip.file(path, [note], 'deflate');
    proofs.push({ size: older, hashes: hashes.map(toBase64) });
  }
  if (proofs.length > 0) {
    await zip.text('consistency.json', json({ v: 1, origin, size, proofs } satisfies BundleConsistency));
  }
}
