/** Commits, compacts and merges over the real drivers, a step at a time: for tests that need an archive in some state. */
import { createHash } from 'node:crypto';
import type { CataloguedFile, CompactablePart } from '#core/archive/compact-ports.ts';
import { type ArchiveFile, archiveKey, type Span } from '#core/archive/file.ts';
import { type ArchiveLine, compareLines, dayOf } from '#core/archive/merge.ts';
import { cutBlocks } from '#core/archive/plan.ts';
import type { Event, Tier } from '#core/event/event.ts';
import { planSegment } from '#core/record/plan-segment.ts';
import type { Segments } from '#core/record/ports.ts';
import type { Part } from '#core/record/segment.ts';
import { leavesOf } from '#functions/record/leaves.ts';
import { createArchiveFiles, createArchiveLedger } from '#stores/postgres/archive.ts';
import { createLedger } from '#stores/postgres/ledger.ts';
import type { S3ArchiveObjects } from '#stores/s3/archive-objects.ts';
import { objectsByKey, SegmentBlocks } from '#stores/s3/block-reader.ts';
import { idAt } from './lines.ts';
import type { TestDatabase } from './postgres.ts';

const hourMs = 3600_000;

export class ArchiveMaker {
  readonly now = new Date('2026-05-01T00:00:00Z');
  readonly blocks: SegmentBlocks;
  readonly #segments: Segments;
  readonly #objects: S3ArchiveObjects;
  #ids = 0;

  constructor(db: TestDatabase, segments: Segments, objects: S3ArchiveObjects) {
    this.#segments = segments;
    this.#objects = objects;
    this.blocks = new SegmentBlocks(objectsByKey(segments, objects));
    const [archiver, app] = [db.login('trailkeep_archiver'), db.login('trailkeep_app')];
    this.ledger = createArchiveLedger(archiver, db.contextKey);
    this.files = createArchiveFiles(app, db.contextKey);
    this.#commits = createLedger(app, db.contextKey);
  }

  readonly ledger: ReturnType<typeof createArchiveLedger>;
  readonly files: ReturnType<typeof createArchiveFiles>;
  readonly #commits: ReturnType<typeof createLedger>;

  #id(): string {
    return idAt(this.now.getTime(), ++this.#ids);
  }

  /** One segment with these events. */
  async commit(tier: Tier, events: readonly Event[]): Promise<void> {
    const lines = events.map((event) => ({ event, line: JSON.stringify(event) }));
    const plan = planSegment(lines, { id: this.#id(), tier, now: this.now });
    const ordered = plan.blocks.flatMap((block) => block.lines);
    const { stored } = await this.#commits.commit(await this.#segments.write(plan), ordered, leavesOf(ordered));
    if (!stored) throw new Error('the events are committed already');
  }

  /** The next parts become files of their tier, category and day; resolves with the files. */
  async compact(tenant: string, partsMax = 1000): Promise<readonly ArchiveFile[]> {
    const { compactedSeq } = await this.ledger.progress(tenant);
    const parts = await this.ledger.parts(tenant, compactedSeq, partsMax);
    if (parts.length === 0) return [];
    const lines: (ArchiveLine & { readonly tier: Tier })[] = [];
    for (const part of parts) lines.push(...(await this.#linesOf(part, leavesOfPart(part))));
    const files = await this.#write(
      tenant,
      lines,
      ({ tier, event, time }) => `${tier} ${event.category} ${dayOf(time)}`,
      'day',
    );
    if (!(await this.ledger.flip(tenant, { from: compactedSeq, parts, files, now: this.now }))) {
      throw new Error('somebody else compacted');
    }
    return files.map(({ file }) => file);
  }

  /** Some files of one tier, category and month become one of their month. */
  async merge(tenant: string, replaced: readonly ArchiveFile[]): Promise<ArchiveFile> {
    const lines: (ArchiveLine & { readonly tier: Tier })[] = [];
    for (const file of replaced) {
      for (const chunk of await this.files.chunks(tenant, file.id)) {
        lines.push(...(await this.#linesOf(chunk, chunk.leaves.flat())));
      }
    }
    const files = await this.#write(tenant, lines, () => 'one', 'month');
    const after = new Date(this.now.getTime() + hourMs);
    if (!(await this.ledger.replace(tenant, { files, replaced, now: this.now, after }))) throw new Error('not there');
    return files[0]!.file;
  }

  async #linesOf(part: Part, leaves: readonly (number | undefined)[]) {
    const texts = await this.blocks.read(part, part.blocks);
    const lines = texts.flatMap((text) => text.split('\n').slice(0, -1));
    return lines.map((text, at) => {
      const event = JSON.parse(text) as Event;
      const digest = new Uint8Array(createHash('sha256').update(text).digest());
      return { text, event, time: Date.parse(event.occurred_at), leaf: leaves[at], digest, tier: part.tier };
    });
  }

  async #write(
    tenant: string,
    lines: readonly (ArchiveLine & { readonly tier: Tier })[],
    groupOf: (line: ArchiveLine & { readonly tier: Tier }) => string,
    span: Span,
  ): Promise<CataloguedFile[]> {
    const files: CataloguedFile[] = [];
    for (const group of Map.groupBy(lines, groupOf).values()) {
      const sorted = group.toSorted(compareLines);
      const { tier, event, time } = sorted[0]!;
      const day = span === 'day' ? dayOf(time) : `${dayOf(time).slice(0, 7)}-01`;
      const file = {
        ...{ id: this.#id(), tenant, tier, category: event.category, span, day },
        ...{ ladder: 'standard', writtenAt: this.now },
      };
      const doomed = { id: file.id, key: archiveKey(file) };
      await this.ledger.doom(tenant, [doomed], new Date(this.now.getTime() + 26 * hourMs));
      files.push(await this.#objects.write(file, cutBlocks([sorted])));
    }
    return files;
  }
}

const leavesOfPart = ({ events, firstLeaf }: CompactablePart): (number | undefined)[] =>
  Array.from({ length: events }, (_, n) => (firstLeaf === undefined ? undefined : firstLeaf + n));
