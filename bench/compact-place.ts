/** A tenant's segments in a folder, and the real drivers over it: what compaction costs without a network between. */
import { hash, randomBytes } from 'node:crypto';
import { closeSync, mkdirSync, openSync, readFileSync, readSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { S3Client } from '@aws-sdk/client-s3';
import type { ArchiveLedger, CataloguedFile, CompactablePart } from '#core/archive/compact-ports.ts';
import type { SubjectKeys, WantedKey } from '#core/privacy/ports.ts';
import { subjectName } from '#core/privacy/ports.ts';
import { planSegment } from '#core/record/plan-segment.ts';
import type { CompactPorts } from '#functions/archive/compact-ports.ts';
import { seal } from '#functions/record/seal.ts';
import { openEnvelope } from '#functions/runtime/envelope-codec.ts';
import { cipherKey, dataKeyOf, nodeCipher } from '#stores/crypto/cipher.ts';
import { S3ArchiveObjects } from '#stores/s3/archive-objects.ts';
import { objectsByKey, SegmentBlocks } from '#stores/s3/block-reader.ts';
import { S3Segments } from '#stores/s3/segments.ts';
import { newId } from './place.ts';
import { batchesOf } from './prepared.ts';

/** What the drivers send, answered from files: put, and get with a range. */
function folderClient(folder: string): S3Client {
  const pathOf = (key: string) => join(folder, key.replaceAll('/', '~'));
  const send = async ({ input }: { input: { Key: string; Body?: Uint8Array; Range?: string } }) => {
    const path = pathOf(input.Key);
    if (input.Body) {
      writeFileSync(path, input.Body);
      return {};
    }
    const [, from, to] = /^bytes=(\d+)-(\d+)$/.exec(input.Range ?? '') ?? [];
    if (from === undefined) return answer(readFileSync(path));
    const bytes = Buffer.alloc(Number(to) - Number(from) + 1);
    const file = openSync(path, 'r');
    readSync(file, bytes, 0, bytes.length, Number(from));
    closeSync(file);
    return answer(bytes);
  };
  const answer = (bytes: Uint8Array) => ({ Body: { transformToByteArray: async () => bytes } });
  return { send } as unknown as S3Client;
}

/** Keys as one environment holds them that has met everybody. */
function keysInMemory(): Pick<SubjectKeys, 'tenant' | 'forWriting'> {
  const known = new Map<string, { readonly key: ReturnType<typeof dataKeyOf> }>();
  const own = { own: dataKeyOf(randomBytes(32)), blind: cipherKey(randomBytes(32)) };
  return {
    tenant: async () => own,
    forWriting: async (wanted: readonly WantedKey[]) => {
      for (const { tenant, subject } of wanted) {
        const name = subjectName(tenant, subject);
        if (!known.has(name)) known.set(name, { key: dataKeyOf(randomBytes(32)) });
      }
      return known;
    },
  };
}

/** Writes one tenant's segments, as a writer does with batches of this size, and keeps their index in a file. */
export async function writeSegments(
  folder: string,
  how: { readonly events: number; readonly batch: number; readonly sealed: boolean },
): Promise<void> {
  mkdirSync(folder, { recursive: true });
  const segments = new S3Segments(folderClient(folder), 'segments');
  const keys = keysInMemory();
  const ports = {
    control: { tenant: async () => undefined },
    subjectKeys: keys,
    cipher: nodeCipher,
    random: (bytes: number): Uint8Array => randomBytes(bytes),
  };
  const parts: CompactablePart[] = [];
  let firstLeaf = 0;
  for (const messages of await batchesOf('bulk', { count: how.events, batch: how.batch, tenants: 1, seed: 1 })) {
    const lines = messages.flatMap(({ body }) => {
      const opened = openEnvelope(body);
      return opened.ok ? opened.value.lines : [];
    });
    const stored = how.sealed ? await seal(ports, lines) : lines;
    const plan = planSegment(stored, { id: newId(new Date()), tier: 'bulk', now: new Date() });
    for (const part of (await segments.write(plan)).parts) {
      parts.push({ ...part, seq: BigInt(parts.length + 1), firstLeaf });
      firstLeaf += part.events;
    }
  }
  writeFileSync(join(folder, 'parts.json'), JSON.stringify(parts, encode));
}

const encode = (_: string, value: unknown): unknown => {
  if (typeof value === 'bigint') return String(value);
  return value instanceof Uint8Array ? { base64: Buffer.from(value).toString('base64') } : value;
};

/** Compaction's ports over a folder; `files` are what it has put into the catalogue. */
export function folderPorts(folder: string) {
  const parts = (
    JSON.parse(readFileSync(join(folder, 'parts.json'), 'utf8'), (_, value) =>
      value?.base64 === undefined ? value : new Uint8Array(Buffer.from(value.base64, 'base64')),
    ) as (Omit<CompactablePart, 'seq'> & { seq: string })[]
  ).map((part) => ({ ...part, seq: BigInt(part.seq) }));
  const client = folderClient(folder);
  const objects = new S3ArchiveObjects(client, 'archive');
  const segments = new S3Segments(client, 'segments');
  const files: CataloguedFile['file'][] = [];
  let compactedSeq = 0n;
  const ledger: Pick<ArchiveLedger, 'progress' | 'parts' | 'doom' | 'flip' | 'chunkBounds' | 'chunk' | 'forget'> = {
    progress: async () => ({ compactedSeq, releasedSeq: 0n }),
    parts: async (_, after, limit) => parts.filter(({ seq }) => seq > after).slice(0, limit),
    doom: async () => {},
    flip: async (_, change) => {
      compactedSeq = change.parts.at(-1)!.seq;
      for (const { file } of change.files) files.push(file);
      return true;
    },
    chunkBounds: async () => [],
    chunk: async () => undefined,
    forget: async () => {},
  };
  const ports: CompactPorts = {
    ledger: ledger as ArchiveLedger,
    files: { files: async () => [], chunks: async () => [] },
    objects,
    blocks: new SegmentBlocks(objectsByKey(segments, objects)),
    control: { tenant: async () => undefined },
    recorder: { record: async () => {} },
    digest: (text) => hash('sha256', text, 'buffer'),
    newId,
    clock: () => new Date(),
  };
  return { ports, files, segments, parts, pathOf: (key: string) => join(folder, key.replaceAll('/', '~')) };
}
