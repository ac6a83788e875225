/** A log made by the code that makes real ones, over events that look like stored ones. */
import { createHash, createPrivateKey, createPublicKey, sign } from 'node:crypto';
import { proofCrypto as c } from '#cli/proof-crypto.ts';
import { canonical } from '#core/event/canonical.ts';
import type { Event, Json } from '#core/event/event.ts';
import { formatCheckpoint } from '#core/proof/checkpoint.ts';
import { commitmentOf } from '#core/proof/commitment.ts';
import { type Entry, encodeEntry, kindOf } from '#core/proof/entry.ts';
import { bundles, integrate } from '#core/proof/integrate.ts';
import { formatNote, formatVerifier, keyIdOf, parseVerifier } from '#core/proof/note.ts';
import { leafHash } from '#core/proof/tree.ts';
import { archivePath, type LogFiles } from '#core/proof/verify-log.ts';

export const origin = 'trailkeep.test/t/abcdefghijklmnopqrstuvwxyz';
export const tenant = '019b76da-a800-7000-8000-000000000001';
/** Commit time of the first leaf; every leaf is 10 ms later than the one before. */
export const firstTime = Date.parse('2026-01-02T03:04:05.000Z');
export const leafMs = 10;

/** An Ed25519 key by name, the same in every run. */
export function keyOf(name: string) {
  const seed = createHash('sha256').update(name).digest();
  const der = Buffer.concat([Buffer.from('302e020100300506032b657004220420', 'hex'), seed]);
  const privateKey = createPrivateKey({ key: der, format: 'der', type: 'pkcs8' });
  const publicKey = createPublicKey(privateKey).export({ format: 'der', type: 'spki' }).subarray(-32);
  return {
    publicKey,
    vkey: (of: string) => formatVerifier(c, of, 1, publicKey),
    sign: (of: string, text: string) =>
      formatNote(text, [
        { name: of, keyId: keyIdOf(c, of, 1, publicKey), signature: sign(null, Buffer.from(text), privateKey) },
      ]),
  };
}

export const logKey = keyOf('log');
export const vkey = logKey.vkey(origin);
export const trust = { keys: [parseVerifier(c, vkey)!] };

/** The signed note of a tree. */
export const noteOf = (size: number, root: Uint8Array, key = logKey): string =>
  key.sign(origin, formatCheckpoint({ origin, size, root }));

export function idAt(index: number): string {
  const time = (firstTime + index * leafMs).toString(16).padStart(12, '0');
  const tail = createHash('sha256').update(`id ${index}`).digest('hex');
  return `${time.slice(0, 8)}-${time.slice(8)}-7${tail.slice(0, 3)}-8${tail.slice(3, 6)}-${tail.slice(6, 18)}`;
}

/** The stored line of event `index`. */
export function lineAt(index: number, more: Partial<Event> = {}): string {
  const at = new Date(firstTime + index * leafMs).toISOString();
  const event: Event = {
    id: idAt(index),
    tenant,
    occurred_at: at,
    received_at: at,
    action: 'patient.record.read',
    schema_version: 1,
    category: 'user_activity',
    crud: 'r',
    severity: 'info',
    outcome: { result: 'success' },
    actor: {
      type: 'user',
      id: `~${createHash('sha256')
        .update(`actor ${index % 50}`)
        .digest('base64url')
        .slice(0, 16)}`,
    },
    metadata: { ward: index % 7, note: 'größer als – “üblich”' },
    data_class: 'none',
    producer: { key: 'abcdefghij0123456789', seq: index },
    salt: createHash('sha256').update(`salt ${index}`).digest().subarray(0, 16).toString('base64url'),
    ...more,
  };
  return canonical(event as unknown as Json);
}

export interface MadeLog {
  readonly size: number;
  readonly root: Uint8Array;
  readonly lines: readonly string[];
  readonly entries: readonly Uint8Array[];
  readonly roots: ReadonlyMap<number, Uint8Array>;
  /** By path; partial tiles of intermediate sizes are not kept. */
  readonly files: Map<string, Uint8Array>;
}

/** Builds a log, sealed in steps; every step's checkpoint is archived. */
export function madeLog(lines: readonly string[], steps: readonly number[] = [lines.length]): MadeLog {
  const entries = lines.map((line, index): Uint8Array => {
    const event = JSON.parse(line) as Event;
    const entry: Entry = {
      id: event.id,
      kind: kindOf(event),
      commitment: commitmentOf(c, line),
      time: firstTime + index * leafMs,
    };
    return encodeEntry(entry);
  });
  const files = new Map<string, Uint8Array>();
  const roots = new Map<number, Uint8Array>();
  let tree = integrate(c, { size: 0, edge: [] }, []);
  for (const step of steps) {
    const fresh = entries.slice(tree.size, step);
    const partial = entries.slice(tree.size - (tree.size % 256), tree.size);
    for (const path of files.keys()) if (path.includes('.p/')) files.delete(path);
    const next = integrate(
      c,
      tree,
      fresh.map((entry) => leafHash(c, entry)),
    );
    for (const { path, bytes } of [...bundles({ size: tree.size, partial }, fresh), ...next.tiles])
      files.set(path, bytes);
    // Levels that did not grow keep their partial tile.
    tree = next;
    roots.set(tree.size, tree.root);
    files.set(archivePath(tree.size), Buffer.from(noteOf(tree.size, tree.root)));
  }
  for (const { path, bytes } of integrate(
    c,
    { size: 0, edge: [] },
    entries.map((entry) => leafHash(c, entry)),
  ).tiles) {
    files.set(path, bytes);
  }
  for (const { path, bytes } of bundles({ size: 0, partial: [] }, entries)) files.set(path, bytes);
  files.set('checkpoint', Buffer.from(noteOf(tree.size, tree.root)));
  files.set('keys.txt', Buffer.from(`${vkey}\n`));
  return { size: tree.size, root: tree.root, lines, entries, roots, files };
}

/** Files by path, as a verifier reads them. */
export const filesOf = (files: ReadonlyMap<string, Uint8Array>): LogFiles => ({
  read: async (path) => files.get(path),
  async *list(prefix) {
    for (const path of files.keys()) if (path.startsWith(prefix)) yield path;
  },
  async lines(path) {
    const bytes = files.get(path);
    if (!bytes) return undefined;
    const lines = Buffer.from(bytes).toString().split('\n');
    if (lines.at(-1) === '') lines.pop();
    return (async function* () {
      yield* lines;
    })();
  },
});
