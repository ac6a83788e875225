/**
 * A segment's index: from the plan and the block offsets to the parts the catalogue keeps, and to the `.idx`
 * sidecar that lies beside each segment, so that the catalogue can be rebuilt from S3 alone.
 *
 * The sidecar is JSON: `{v: 1, id, key, tier, bytes, sha256, parts: [{tenant, events, minTime, maxTime, minId,
 * maxId, blocks: [{offset, bytes, events, minTime, maxTime, filter}], messages}]}`; times are ms since 1970, filters
 * base64, messages hex digests.
 * It has no sequence numbers: those are handed out by the commit, or anew by a rebuild.
 */
import type { Tier } from '#core/event/event.ts';
import type { Block, Segment, SegmentPart, SegmentPlan } from '#core/record/segment.ts';
import type { BlockRange } from './seekable-gzip.ts';

interface Sidecar {
  readonly v: 1;
  readonly id: string;
  readonly key: string;
  readonly tier: Tier;
  readonly bytes: number;
  readonly sha256: string;
  readonly parts: readonly (Omit<SegmentPart, 'seq' | 'segment' | 'tier' | 'key' | 'blocks'> & {
    readonly blocks: readonly (Omit<Block, 'tenant' | 'filter'> & { readonly filter: string })[];
  })[];
}

/** The sidecar's key: the segment's with `.idx` for `.jsonl.gz`. */
export const sidecarKey = (key: string): string => key.replace(/\.jsonl\.gz$/, '.idx');

/** The segment that a plan became; `offsets[i]` is where `plan.blocks[i]` lies. */
export function segmentOf(
  plan: SegmentPlan,
  written: { readonly bytes: number; readonly sha256: string; readonly offsets: readonly BlockRange[] },
): Segment {
  const parts: Omit<SegmentPart, 'seq'>[] = [];
  for (let start = 0; start < plan.blocks.length; ) {
    const { tenant } = plan.blocks[start]!;
    let stop = start;
    while (plan.blocks[stop]?.tenant === tenant) stop++;
    const own = plan.blocks.slice(start, stop);
    parts.push({
      tenant,
      segment: plan.id,
      tier: plan.tier,
      key: plan.key,
      events: own.reduce((sum, block) => sum + block.events, 0),
      minTime: Math.min(...own.map((block) => block.minTime)),
      maxTime: Math.max(...own.map((block) => block.maxTime)),
      minId: own.reduce((least, { minId }) => (minId < least ? minId : least), own[0]!.minId),
      maxId: own.reduce((most, { maxId }) => (maxId > most ? maxId : most), own[0]!.maxId),
      blocks: own.map(({ events, minTime, maxTime, filter }, index) => ({
        tenant,
        ...written.offsets[start + index]!,
        events,
        minTime,
        maxTime,
        filter,
      })),
      messages: plan.messages.get(tenant) ?? [],
    });
    start = stop;
  }
  return { id: plan.id, key: plan.key, tier: plan.tier, bytes: written.bytes, sha256: written.sha256, parts };
}

/** The sidecar's text. */
export function encodeSidecar({ id, key, tier, bytes, sha256, parts }: Segment): string {
  const sidecar: Sidecar = {
    v: 1,
    id,
    key,
    tier,
    bytes,
    sha256,
    parts: parts.map(({ tenant, events, minTime, maxTime, minId, maxId, blocks, messages }) => ({
      tenant,
      events,
      minTime,
      maxTime,
      minId,
      maxId,
      blocks: blocks.map(({ tenant: _, filter, ...block }) => ({
        ...block,
        filter: Buffer.from(filter.buffer, filter.byteOffset, filter.length).toString('base64'),
      })),
      messages: messages ?? [],
    })),
  };
  return JSON.stringify(sidecar);
}

/** The segment that a sidecar describes. Throws on a version it does not know. */
export function decodeSidecar(text: string): Segment {
  const { v, id, key, tier, bytes, sha256, parts } = JSON.parse(text) as Sidecar;
  if (v !== 1) throw new Error(`a segment index of version ${String(v)} cannot be read, only version 1`);
  return {
    id,
    key,
    tier,
    bytes,
    sha256,
    parts: parts.map((part) => ({
      ...part,
      segment: id,
      tier,
      key,
      blocks: part.blocks.map((block) => ({
        tenant: part.tenant,
        ...block,
        filter: new Uint8Array(Buffer.from(block.filter, 'base64')),
      })),
    })),
  };
}
