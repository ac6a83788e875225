/** The evidence bucket in memory, and a key that signs: for tests of sealing, and held to what the driver promises. */
import { generateKeyPairSync, sign } from 'node:crypto';
import type { EventInput } from '#core/event/event.ts';
import type { Signer } from '#core/proof/crypto.ts';
import type { Anchors, LogStore, Put } from '#core/proof/ports.ts';
import type { Recorder } from '#core/record/ports.ts';
import { MemoryPlace } from './memory.ts';

const archiveFolder = 'checkpoint-archive/';

export class MemoryLogStore extends MemoryPlace implements LogStore {
  /** By `t/<slug>/<path>`. */
  readonly objects = new Map<string, { readonly bytes: Uint8Array; readonly etag: string }>();
  readonly counts = { put: 0, get: 0, list: 0 };
  /** Called before each write, with its key. */
  before: (key: string) => void | Promise<void> = () => {};
  #etags = 0;

  async put(slug: string, path: string, bytes: Uint8Array): Promise<Put> {
    await this.#write(slug, path);
    const there = this.objects.get(keyOf(slug, path));
    if (there) return Buffer.compare(there.bytes, bytes) === 0 ? 'same' : 'different';
    this.set(slug, path, bytes);
    return 'stored';
  }

  async get(slug: string, path: string): Promise<Uint8Array | undefined> {
    this.reach();
    this.counts.get++;
    return this.objects.get(keyOf(slug, path))?.bytes;
  }

  archive(slug: string, size: number, note: string): Promise<Put> {
    return this.put(slug, archiveFolder + String(size).padStart(20, '0'), Buffer.from(note));
  }

  async newestArchived(slug: string): Promise<{ readonly size: number; readonly note: string } | undefined> {
    this.reach();
    this.counts.list++;
    this.counts.get++;
    const prefix = keyOf(slug, archiveFolder);
    const key = [...this.objects.keys()]
      .filter((one) => one.startsWith(prefix))
      .sort()
      .at(-1);
    if (key === undefined) return undefined;
    return { size: Number(key.slice(-20)), note: textOf(this.objects.get(key)!.bytes) };
  }

  async bound(slug: string): Promise<{ readonly text: string; readonly etag: string } | undefined> {
    this.reach();
    this.counts.get++;
    const there = this.objects.get(keyOf(slug, 'bound'));
    return there && { text: textOf(there.bytes), etag: there.etag };
  }

  async bind(slug: string, text: string, etag: string | undefined): Promise<boolean> {
    await this.#write(slug, 'bound');
    if (this.objects.get(keyOf(slug, 'bound'))?.etag !== etag) return false;
    this.set(slug, 'bound', Buffer.from(text));
    return true;
  }

  async checkpoint(slug: string): Promise<{ readonly note: string; readonly etag: string } | undefined> {
    this.reach();
    this.counts.get++;
    const there = this.objects.get(keyOf(slug, 'checkpoint'));
    return there && { note: textOf(there.bytes), etag: there.etag };
  }

  async publish(slug: string, note: string, etag: string | undefined): Promise<boolean> {
    await this.#write(slug, 'checkpoint');
    if (this.objects.get(keyOf(slug, 'checkpoint'))?.etag !== etag) return false;
    this.set(slug, 'checkpoint', Buffer.from(note));
    return true;
  }

  async *list(slug: string, prefix: string): AsyncIterable<string> {
    this.reach();
    this.counts.list++;
    const start = keyOf(slug, prefix);
    for (const key of [...this.objects.keys()].sort())
      if (key.startsWith(start)) yield key.slice(keyOf(slug, '').length);
  }

  async remove(slug: string, paths: readonly string[]): Promise<void> {
    this.reach();
    for (const path of paths) this.objects.delete(keyOf(slug, path));
  }

  async putText(slug: string, path: string, text: string): Promise<void> {
    await this.#write(slug, path);
    this.set(slug, path, Buffer.from(text));
  }

  async incarnation(): Promise<string | undefined> {
    this.reach();
    this.counts.get++;
    const there = this.objects.get('incarnation');
    return there && textOf(there.bytes);
  }

  async setIncarnation(incarnation: string): Promise<void> {
    this.reach();
    this.objects.set('incarnation', { bytes: Buffer.from(incarnation), etag: String(++this.#etags) });
  }

  /** Puts bytes without a condition: what an insider or a defect does. */
  set(slug: string, path: string, bytes: Uint8Array): void {
    this.objects.set(keyOf(slug, path), { bytes, etag: String(++this.#etags) });
  }

  /** Paths of a log. */
  paths(slug: string): string[] {
    const prefix = keyOf(slug, '');
    return [...this.objects.keys()]
      .filter((key) => key.startsWith(prefix))
      .map((key) => key.slice(prefix.length))
      .sort();
  }

  async #write(slug: string, path: string): Promise<void> {
    this.reach();
    this.counts.put++;
    await this.before(keyOf(slug, path));
    this.reach();
  }
}

const keyOf = (slug: string, path: string): string => `t/${slug}/${path}`;
const textOf = (bytes: Uint8Array): string => Buffer.from(bytes).toString();

/** A key on node:crypto. */
export class MemorySigner extends MemoryPlace implements Signer {
  readonly #key = generateKeyPairSync('ed25519');
  signatures = 0;

  async publicKey(): Promise<Uint8Array> {
    this.reach();
    const { x } = this.#key.publicKey.export({ format: 'jwk' });
    return new Uint8Array(Buffer.from(x!, 'base64url'));
  }

  async sign(message: Uint8Array): Promise<Uint8Array> {
    this.reach();
    this.signatures++;
    return new Uint8Array(sign(null, message, this.#key.privateKey));
  }
}

export class MemoryAnchors extends MemoryPlace implements Anchors {
  readonly asked: string[] = [];

  async ask(slug: string): Promise<void> {
    this.reach();
    this.asked.push(slug);
  }
}

export class MemoryRecorder extends MemoryPlace implements Recorder {
  readonly recorded: (EventInput & { readonly tenant: string })[] = [];

  async record(tenant: string, events: readonly EventInput[]): Promise<void> {
    this.reach();
    this.recorded.push(...events.map((event) => ({ ...event, tenant })));
  }
}
