/**
 * Write, critical: events a second from queue messages to the commit (open, plan, compress, put, commit, announced),
 * against one long COPY of the same rows into a copy of the table, in the same run.
 */
import { pipeline } from 'node:stream/promises';
import { categories, results, severities } from '#core/event/event.ts';
import type { EventLine } from '#core/record/envelope.ts';
import { seal } from '#functions/record/seal.ts';
import { type WritePorts, write } from '#functions/record/write.ts';
import { openEnvelope } from '#functions/runtime/envelope-codec.ts';
import type { QueueMessage } from '#functions/runtime/queue.ts';
import { createLedger } from '#stores/postgres/ledger.ts';
import { contextKey, newId, startPlace } from './place.ts';
import { batchesOf } from './prepared.ts';
import { type Line, median, report } from './report.ts';

const full = process.argv.includes('--full');
const rounds = 3;
const tenants = 20;
const copyRows = full ? 100_000 : 20_000;
const eventsOfBatch = full ? { 50: 10_000, 500: 40_000, 2000: 100_000 } : { 50: 3_000, 500: 10_000, 2000: 20_000 };

const place = await startPlace();
let seed = 1;

/** One execution environment for all rounds. It has met most of the people before anything is counted, as a warm one has. */
const environment = place.sealPorts(place.login(4));
for (const messages of await batchesOf('critical', { count: 40_000, batch: 2_000, tenants, seed: 1_000 })) {
  for (const { body } of messages) {
    const opened = openEnvelope(body);
    if (opened.ok) await seal(environment, opened.value.lines);
  }
}

/** Events a second with so many writers, each with its own connection, over batches of new events. */
async function ours(batch: number, count: number, writers: number): Promise<number> {
  const queue = await batchesOf('critical', { count, batch, tenants, seed: seed++ });
  const sql = place.login(writers);
  const ports: WritePorts = {
    ...environment,
    segments: place.segments,
    ledger: createLedger(sql, contextKey),
    announcer: { announce: async () => {} },
    deadLetters: { bury: async () => {} },
    newId,
  };
  await sql`select 1`;
  const before = await stored();
  const start = performance.now();
  const writer = async () => {
    for (let messages = queue.shift(); messages; messages = queue.shift()) {
      const failed = await write(ports, 'critical', messages, new Date());
      if (failed.length > 0) throw new Error('a bench message failed');
    }
  };
  await Promise.all(Array.from({ length: writers }, writer));
  const seconds = (performance.now() - start) / 1000;
  await sql.end();
  if ((await stored()) - before !== count) throw new Error('not every bench event was stored');
  return count / seconds;
}

const stored = async () => Number((await place.ownerSql`select count(*) from record.event`)[0]!.count);

/** Rows a second of one COPY into the same table, which holds what earlier rounds left: the rows are encoded inside the measurement, as any client must. */
async function copy(messages: readonly QueueMessage[]): Promise<number> {
  const sql = place.ownerSql;
  const lines = messages.flatMap(({ body }) => {
    const opened = openEnvelope(body);
    return opened.ok ? opened.value.lines : [];
  });
  const before = await stored();
  await sql`checkpoint`;
  const start = performance.now();
  const stream =
    await sql`copy record.event (tenant_id, id, occurred_at, category, outcome, severity, action, actor, body)
    from stdin`.writable();
  await pipeline(copyText(lines), stream);
  const seconds = (performance.now() - start) / 1000;
  if ((await stored()) - before !== lines.length) throw new Error('COPY lost rows');
  return lines.length / seconds;
}

function* copyText(lines: readonly EventLine[]): Generator<string> {
  for (let at = 0; at < lines.length; at += 100) {
    yield lines
      .slice(at, at + 100)
      .map(rowText)
      .join('');
  }
}

function rowText({ event, line }: EventLine): string {
  const numbers = [
    categories.indexOf(event.category),
    results.indexOf(event.outcome.result),
    severities.indexOf(event.severity),
  ];
  const texts = [event.action, event.actor.id, line].map((text) => text.replaceAll('\\', '\\\\'));
  return `${[event.tenant, event.id, event.occurred_at, ...numbers, ...texts].join('\t')}\n`;
}

const shapes = Object.entries(eventsOfBatch).flatMap(([batch, count]) =>
  [1, 4].map((writers) => ({ batch: Number(batch), count, writers, figures: [] as number[], ratios: [] as number[] })),
);
const copies: number[] = [];
// The first round warms both sides up and is not counted.
for (let round = 0; round <= rounds; round++) {
  const rows = (await batchesOf('critical', { count: copyRows, batch: 5_000, tenants, seed: seed++ })).flat();
  const limit = await copy(rows);
  if (round > 0) copies.push(limit);
  for (const shape of shapes) {
    await place.ownerSql`checkpoint`;
    const figure = await ours(shape.batch, shape.count, shape.writers);
    if (round === 0) continue;
    shape.figures.push(figure);
    shape.ratios.push(figure / limit);
  }
}
const lines: Line[] = shapes.map(({ batch, writers, figures, ratios }) => ({
  path: `write critical, ${batch} a batch, ${writers} ${writers === 1 ? 'writer' : 'writers'}`,
  figure: median(figures),
  unit: 'events/s',
  against: { name: 'COPY', figure: median(copies) },
  goal: `≥ 0.5 (rounds: ${ratios.map((ratio) => ratio.toFixed(2)).join(', ')})`,
}));
report(`Write critical against one COPY of ${copyRows.toLocaleString('en-GB')} rows`, lines);
await place.close();
