/** Exports over events in memory and rows in Postgres: asked for, built, looked at. */
import { gunzipSync } from 'node:zlib';
import type { Caller } from '#core/access/access.ts';
import type { Event } from '#core/event/event.ts';
import type { EventPart, EventParts, ExportFormat } from '#core/export/ports.ts';
import { askExport } from '#functions/query/ask-export.http.ts';
import { type BuildExportPorts, buildExport, type ExportLimits } from '#functions/query/build-export.queue.ts';
import type { HttpRequest } from '#functions/runtime/request.ts';
import { createEventExports } from '#stores/postgres/event-exports.ts';
import { callerA } from '#test/support/events.ts';
import { MemoryOutlet, MemoryPlace } from '#test/support/memory.ts';
import { contextKey, type TestDatabase, testDatabase } from '#test/support/postgres.ts';
import { readerPorts } from '#test/support/reading.ts';
import { at0, World } from './world.ts';

export class MemoryEventParts extends MemoryPlace implements EventParts {
  readonly objects = new Map<string, Uint8Array>();

  async put(tenant: string, id: string, _: ExportFormat, { run, part }: EventPart, bytes: Uint8Array): Promise<void> {
    this.reach();
    this.objects.set(`${tenant}/${id}/${run}-${part}`, Uint8Array.from(bytes));
  }

  async get(
    tenant: string,
    id: string,
    { run, part }: EventPart,
    { offset, bytes }: { readonly offset: number; readonly bytes: number },
  ): Promise<Uint8Array | undefined> {
    this.reach();
    return this.objects.get(`${tenant}/${id}/${run}-${part}`)?.subarray(offset, offset + bytes);
  }

  async link(tenant: string, id: string, _: ExportFormat, { run, part }: EventPart, seconds: number): Promise<string> {
    return `https://s3/${tenant}/${id}/${run}-${part}?for=${seconds}`;
  }
}

export const exporter: Caller = { ...callerA, scopes: ['events:read', 'events:export'] };
/** After every event of `eventOf` of world.ts. */
export const askedAt = new Date('2026-06-01T00:00:00.000Z');
export const small: ExportLimits = { stepMs: 1000, pageEvents: 50, partEvents: 200, partRawBytes: 1e9 };

export async function exportWorld(name: string) {
  const database: TestDatabase = await testDatabase(name);
  const world = new World();
  world.now = at0;
  const queue = new MemoryOutlet();
  const parts = new MemoryEventParts();
  const reading = readerPorts();
  let ids = 0;
  const newId = () => `01890000-0000-7000-8000-${(++ids).toString(16).padStart(12, '0')}`;
  const exports = createEventExports(database.login('trailkeep_app'), contextKey);
  const ports = { ...world.ports, ...reading, exports, parts, exportQueue: queue, newId };

  const requestOf = (json: unknown, caller: Caller | undefined, more: Partial<HttpRequest> = {}): HttpRequest => ({
    method: 'POST',
    path: '/v1/exports',
    params: {},
    query: new URLSearchParams(),
    headers: {},
    body: Buffer.from(JSON.stringify(json)),
    caller,
    requestId: 'r',
    sourceIp: '192.0.2.77',
    now: askedAt,
    ...more,
  });
  const ask = async (json: unknown, caller: Caller | undefined = exporter, more: Partial<HttpRequest> = {}) => {
    const answer = await askExport(ports, requestOf(json, caller, more));
    return answer.body as { readonly id: string; readonly state: string };
  };
  /** Hands every message over until none is left. A run that throws or names its message gets it again. */
  const settle = async (over: BuildExportPorts = ports, limits: ExportLimits = small): Promise<number> => {
    let runs = 0;
    for (let next = queue.messages.shift(); next; next = queue.messages.shift(), runs++) {
      const message = { messageId: 'm', body: next.body, queue: 'q', receiveCount: 1, sentAt: 0 };
      const failed = await buildExport(over, [message], { now: askedAt }, limits).catch(() => ['m']);
      if (failed.length > 0) queue.messages.push(next);
      if (runs > 1000) throw new Error('the builder does not come to an end');
    }
    return runs;
  };
  const stateOf = async (id: string) => (await exports.get(exporter.tenant, id))!;
  /** The objects of an export, in order. */
  const objectsOf = async (id: string): Promise<Uint8Array[]> => {
    const rows = await exports.parts(exporter.tenant, id, 0, 1000);
    return rows.map((one) => parts.objects.get(`${exporter.tenant}/${id}/${one.run}-${one.part}`)!);
  };
  /** The lines of an export of JSONL or CSV: its objects, one after the other, are one gzip file. */
  const textOf = async (id: string): Promise<string> => gunzipSync(Buffer.concat(await objectsOf(id))).toString();

  return { database, world, queue, parts, ports, ask, settle, stateOf, objectsOf, textOf, requestOf, ...reading };
}

/** Events into both tiers: each third critical, the rest in parts of some blocks. */
export function fill(world: World, events: readonly Event[], perBlock = 40, blocks = 3): void {
  world.addCritical(...events.filter((_, at) => at % 3 === 0));
  const bulk = events.filter((_, at) => at % 3 !== 0);
  for (let from = 0; from < bulk.length; from += perBlock * blocks) {
    const part = bulk.slice(from, from + perBlock * blocks);
    world.addPart(
      Array.from({ length: Math.ceil(part.length / perBlock) }, (_, at) =>
        part.slice(at * perBlock, (at + 1) * perBlock),
      ),
    );
  }
}
