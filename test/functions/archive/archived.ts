/** Archive files whose blocks lie in memory and whose rows are in Postgres: for tests of what reads and deletes them. */
import { createHash } from 'node:crypto';
import type { ArchiveChunk, ArchiveFile } from '#core/archive/file.ts';
import { archiveKey } from '#core/archive/file.ts';
import { LinesSum } from '#core/archive/lines-sum.ts';
import type { Category } from '#core/event/event.ts';
import type { BlockReader } from '#core/query/ports.ts';
import { filterOfEvents } from '#core/record/membership.ts';
import { insertFiles } from '#stores/postgres/archive.ts';
import type { Line } from '#test/stores/postgres/made.ts';
import { uuid7 } from '#test/stores/postgres/made.ts';
import type { TestDatabase } from '#test/support/postgres.ts';

export const digest = (line: string): Uint8Array => createHash('sha256').update(line).digest();

/** Blocks by key and offset. */
export class MemoryBlocks implements BlockReader {
  readonly texts = new Map<string, string>();
  reads = 0;

  async read(part: { readonly key: string }, blocks: readonly { readonly offset: number }[]): Promise<string[]> {
    return blocks.map(({ offset }) => {
      this.reads++;
      const text = this.texts.get(`${part.key} ${offset}`);
      if (text === undefined) throw new Error(`no block ${part.key} at ${offset}`);
      return text;
    });
  }
}

interface Given {
  /** Events of one block. */
  readonly perBlock?: number;
  readonly firstLeaf?: number;
  readonly tier?: ArchiveFile['tier'];
  readonly category?: Category;
}

/** Puts lines of one tenant into one archive file of two blocks a chunk; resolves with it. */
export async function archive(
  db: TestDatabase,
  blocks: MemoryBlocks,
  lines: readonly Line[],
  { perBlock = 2, firstLeaf, tier = 'critical', category }: Given = {},
): Promise<ArchiveFile> {
  const events = lines.map(({ event }) => event);
  const [first] = events;
  const times = events.map(({ occurred_at }) => Date.parse(occurred_at));
  const span = { minTime: Math.min(...times), maxTime: Math.max(...times) };
  const ids = {
    minId: events.map(({ id }) => id).sort()[0]!,
    maxId: events
      .map(({ id }) => id)
      .sort()
      .at(-1)!,
  };
  const sum = new LinesSum();
  for (const { line } of lines) sum.add(digest(line));
  const id = uuid7(span.maxTime);
  const { tenant } = first!;
  const base = {
    ...{ id, tenant, tier, category: category ?? first!.category, span: 'day' as const },
    ...{ day: new Date(span.minTime).toISOString().slice(0, 10), events: events.length, ...span, ...ids },
    ...{ bytes: 100 * lines.length, rawBytes: 1000, sha256: 'ab'.repeat(32), linesSum: sum.hex },
    ...{ ladder: 'standard', writtenAt: new Date(span.maxTime) },
    ...(firstLeaf === undefined ? {} : { minLeaf: firstLeaf, maxLeaf: firstLeaf + lines.length - 1 }),
  };
  const file: ArchiveFile = { ...base, key: archiveKey(base) };
  const runs = Array.from({ length: Math.ceil(lines.length / perBlock) }, (_, at) =>
    lines.slice(at * perBlock, (at + 1) * perBlock),
  );
  const made = runs.map((run, at) => {
    blocks.texts.set(`${file.key} ${at * 1000}`, run.map(({ line }) => `${line}\n`).join(''));
    const leaves = run.map((_, i) => (firstLeaf === undefined ? undefined : firstLeaf + at * perBlock + i));
    const block = { tenant, offset: at * 1000, bytes: 100, events: run.length, ...span };
    return { leaves, block: { ...block, filter: filterOfEvents(run.map(({ event }) => event)) } };
  });
  const chunks: ArchiveChunk[] = [];
  for (let at = 0; at < made.length; at += 2) {
    const some = made.slice(at, at + 2);
    chunks.push({
      ...{ tenant, tier, key: file.key, file: id, number: chunks.length, ...span, ...ids },
      events: some.reduce((total, { block }) => total + block.events, 0),
      blocks: some.map(({ block }) => block),
      leaves: some.map(({ leaves }) => leaves),
    });
  }
  await db.ownerSql.begin((tx) => insertFiles(tx, [{ file, chunks }]));
  return file;
}
