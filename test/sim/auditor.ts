/**
 * An auditor who sees every checkpoint that is ever published, remembers all of them, and looks at every change of the
 * evidence bucket: sizes never shrink, and what a published checkpoint needs is there from its first moment on.
 */
import { openCheckpoint, parseCheckpoint } from '#core/proof/checkpoint.ts';
import { ed25519Type, verifierOf } from '#core/proof/note.ts';
import { entriesPath, parseTilePath, pathsOf, tilePath } from '#core/proof/tiles.ts';
import type { Bucket, Watcher } from './bucket.ts';
import type { Oracle } from './oracle-names.ts';
import { publicKey, simulatedCrypto } from './signer.ts';

/** A checkpoint that anybody could see. */
export interface Shown {
  readonly slug: string;
  readonly size: number;
  readonly root: Uint8Array;
}

const decoder = new TextDecoder();
const logKey = /^t\/([a-z2-7]{26})\/(.*)$/;

export class Auditor implements Watcher {
  /** Published, in the order of their publication. */
  readonly published: Shown[] = [];
  readonly archived: Shown[] = [];
  readonly #violated: (oracle: Oracle, what: string) => void;
  readonly #newest = new Map<string, Shown>();
  #bucket: Bucket | undefined;

  constructor(violated: (oracle: Oracle, what: string) => void) {
    this.#violated = violated;
  }

  reads(bucket: Bucket): void {
    this.#bucket = bucket;
  }

  wrote(key: string, bytes: Uint8Array): void {
    const [, slug, path] = logKey.exec(key) ?? [];
    if (slug === undefined || path === undefined) return;
    if (path.startsWith('checkpoint-archive/')) {
      const shown = this.#open(slug, path, bytes);
      if (shown && shown.size !== Number(path.slice(-20)))
        this.#violated('archive', `${path} holds size ${shown.size}`);
      if (shown) this.archived.push(shown);
    }
    if (path === 'checkpoint') this.#published(slug, bytes);
  }

  /** A tile that goes must not be one that a published checkpoint needs. */
  removed(key: string): void {
    const [, slug, path] = logKey.exec(key) ?? [];
    if (slug === undefined || path === undefined) return;
    const newest = this.#newest.get(slug);
    const tile = parseTilePath(path);
    if (!newest || !tile) return;
    const { level, n, width } = tile;
    const covered = level === 'entries' ? newest.size : Math.floor(newest.size / 256 ** level);
    if (n * 256 + width > covered) return;
    const full = level === 'entries' ? entriesPath(n) : tilePath(level, n);
    if (path === full || !this.#bucket?.objects.has(`t/${slug}/${full}`)) {
      this.#violated('fsck', `${path} went, which size ${newest.size} needs`);
    }
  }

  #published(slug: string, bytes: Uint8Array): void {
    const shown = this.#open(slug, 'checkpoint', bytes);
    if (!shown) return;
    const before = this.#newest.get(slug);
    if (before && shown.size < before.size) {
      this.#violated('backwards', `an auditor saw size ${before.size} and then ${shown.size}`);
    }
    this.#newest.set(slug, shown);
    this.published.push(shown);
    const archive = `t/${slug}/checkpoint-archive/${String(shown.size).padStart(20, '0')}`;
    if (!this.#bucket?.objects.has(archive)) this.#violated('archive', `size ${shown.size} is published, not archived`);
    for (const path of missingOf(this.#bucket!, slug, shown.size)) {
      this.#violated('fsck', `size ${shown.size} is published without ${path}`);
    }
  }

  #open(slug: string, path: string, bytes: Uint8Array): Shown | undefined {
    const note = decoder.decode(bytes);
    const origin = parseCheckpoint(note.slice(0, note.indexOf('\n\n') + 1))?.origin ?? '';
    const verifier = verifierOf(simulatedCrypto, origin, ed25519Type, publicKey);
    const opened = openCheckpoint(simulatedCrypto, note, verifier);
    if (!opened || !origin.endsWith(`/t/${slug}`)) {
      this.#violated('signature', `${path} is not signed by the log's key`);
      return undefined;
    }
    return { slug, size: opened.size, root: opened.root };
  }
}

/** What a tree of this size lacks on S3; a full tile stands for its partial ones. */
export function missingOf(bucket: Bucket, slug: string, size: number): string[] {
  return [...pathsOf(size)].filter(
    (path) =>
      !bucket.objects.has(`t/${slug}/${path}`) && !bucket.objects.has(`t/${slug}/${path.replace(/\.p\/\d+$/, '')}`),
  );
}
