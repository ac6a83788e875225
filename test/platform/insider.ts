/** A written log copied into memory, where an insider may change any row and any object, and the verifier that looks. */
import { GetObjectCommand, type S3Client } from '@aws-sdk/client-s3';
import type { Row } from 'postgres';
import type { Event } from '#core/event/event.ts';
import type { LeafPart } from '#core/proof/read-ports.ts';
import { archivePath } from '#core/proof/verify-log.ts';
import type { Verification } from '#core/proof/verify-ports.ts';
import type { StoredSegment } from '#core/proof/verify-stored.ts';
import type { EventLine } from '#core/record/envelope.ts';
import { filterOfEvents } from '#core/record/membership.ts';
import type { SegmentPlan } from '#core/record/segment.ts';
import type { SharePorts } from '#functions/proof/verify-share.ts';
import { nodeProofCrypto } from '#stores/crypto/proof-crypto.ts';
import { createVerification, storedRow } from '#stores/postgres/verification.ts';
import { SegmentBlocks } from '#stores/s3/block-reader.ts';
import { compress } from '#stores/s3/seekable-gzip.ts';
import { encodeSidecar, segmentOf, sidecarKey } from '#stores/s3/segment-index.ts';
import { S3Segments } from '#stores/s3/segments.ts';
import { tenantA } from '#test/support/events.ts';
import { contextKey } from '#test/support/postgres.ts';
import type { WrittenLog } from './written-log.ts';

export type StoredLeafPart = LeafPart & { readonly firstLeaf: number };

/** Everything that is stored of one tenant. All maps and lists may be changed. */
export interface Stored {
  readonly rows: Row[];
  readonly parts: StoredLeafPart[];
  readonly segments: StoredSegment[];
  readonly signed: { readonly size: number; readonly root: Uint8Array }[];
  /** Of the evidence bucket, relative to the log. */
  readonly log: Map<string, Uint8Array>;
  /** Of the segments bucket, by key. */
  readonly objects: Map<string, Uint8Array>;
}

export async function copyOf(world: WrittenLog) {
  const real = createVerification(world.database.login('trailkeep_verifier'), contextKey);
  const published = (await real.log(tenantA))!;
  const parts = (await real.partsFrom(tenantA, 0, 1000)) as StoredLeafPart[];
  const rows = [
    ...(await world.database.ownerSql`select * from record.event where tenant_id = ${tenantA} order by id`),
  ];
  const stored: Stored = {
    rows,
    parts: [...parts],
    segments: [...(await real.segments(tenantA, [...new Set(parts.map(({ segment }) => segment))]))],
    signed: [...(await real.signed(tenantA, 0, published.publishedSize))],
    log: await world.objects('evidence', `t/${published.slug}/`),
    objects: await world.objects('segments', ''),
  };
  const oldest = await real.oldestId(tenantA);
  const verification: Verification = {
    log: async () => published,
    rows: async (_, after, limit) =>
      stored.rows
        .filter(({ id }) => id > after)
        .sort((a, b) => (a.id < b.id ? -1 : 1))
        .slice(0, limit)
        .map(storedRow),
    partsOfIds: async () => stored.parts.filter(({ tier }) => tier === 'critical'),
    partsFrom: async () => stored.parts.toSorted((a, b) => a.firstLeaf - b.firstLeaf),
    // Nothing of this log is archived; test/platform/insider-archive.test.ts looks at one that is.
    compactedSeq: async () => 0n,
    archivedLeaves: async () => [],
    purgeIds: async () => [],
    criticalChunks: async () => [],
    partsWithId: async () => [],
    segments: async () => stored.segments,
    signed: async () => stored.signed,
    oldestId: async () => oldest,
    rounds: async () => [],
    keepRound: async () => {},
    found: async () => 0,
  };
  const segments = new S3Segments(bucketOf(stored.objects), 'segments');
  const ports: SharePorts = {
    ...{ verification, segments, blocks: new SegmentBlocks(segments), crypto: nodeProofCrypto, signer: world.signer },
    logs: { get: async (_, path) => stored.log.get(path) },
    ...{ archive: world.archive, archiveFiles: world.maker.files },
  };
  return { stored, ports };
}

/** As much of S3 as the driver of segments reads with. */
function bucketOf(objects: ReadonlyMap<string, Uint8Array>): S3Client {
  const send = async (command: GetObjectCommand) => {
    if (!(command instanceof GetObjectCommand)) throw new Error('nothing is written here');
    const { Key, Range } = command.input;
    const bytes = objects.get(Key!);
    if (!bytes) throw Object.assign(new Error('gone'), { name: 'NoSuchKey', $metadata: { httpStatusCode: 404 } });
    const [, from = '0', to = String(bytes.length - 1)] = /^bytes=(\d+)-(\d+)$/.exec(Range ?? '') ?? [];
    const part = bytes.subarray(Number(from), Number(to) + 1);
    return { Body: { transformToByteArray: async () => part } };
  };
  return { send } as unknown as S3Client;
}

/** Rewrites a segment as somebody would who may write everywhere: object, sidecar and catalogue agree with each other. */
export async function rewrite(stored: Stored, part: StoredLeafPart, lines: readonly string[]): Promise<void> {
  const own = lines.map((line): EventLine => ({ event: JSON.parse(line) as Event, line }));
  const events = own.map(({ event }) => event);
  const times = events.map(({ occurred_at }) => Date.parse(occurred_at));
  const ids = events.map(({ id }) => id).sort();
  const text = lines.map((line) => `${line}\n`).join('');
  const plan: SegmentPlan = {
    ...{ id: part.segment, key: part.key, tier: part.tier, messages: new Map() },
    blocks: [
      {
        ...{ tenant: part.tenant, lines: own, text, events: own.length, minId: ids[0]!, maxId: ids.at(-1)! },
        ...{ minTime: Math.min(...times), maxTime: Math.max(...times), filter: filterOfEvents(events) },
      },
    ],
  };
  const { bytes, offsets } = await compress([text]);
  const sha256 = Buffer.from(nodeProofCrypto.sha256(bytes)).toString('hex');
  const segment = segmentOf(plan, { bytes: bytes.length, sha256, offsets });
  stored.objects.set(part.key, bytes);
  stored.objects.set(sidecarKey(part.key), Buffer.from(encodeSidecar(segment)));
  const at = stored.parts.indexOf(part);
  stored.parts[at] = { ...part, ...segment.parts[0]! };
  const known = stored.segments.findIndex(({ id }) => id === part.segment);
  stored.segments[known] = { ...stored.segments[known]!, bytes: bytes.length, sha256 };
}

/** Puts everything back as it was when the function was made. */
export function restorer(stored: Stored): () => void {
  const kept = Object.entries(stored).map(([name, of]) => [name, of instanceof Map ? new Map(of) : [...of]] as const);
  return () => {
    for (const [name, of] of kept) {
      const now = stored[name as keyof Stored] as Map<string, Uint8Array> | unknown[];
      if (now instanceof Map) {
        now.clear();
        for (const [key, value] of of as Map<string, Uint8Array>) now.set(key, value);
      } else now.splice(0, now.length, ...(of as unknown[]));
    }
  };
}

export const archived = (stored: Stored): string[] => stored.signed.map(({ size }) => archivePath(size));
