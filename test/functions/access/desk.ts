/** All ports of the access verbs in memory, and a way to call a verb as the API answers. */
import { createHash } from 'node:crypto';
import type { Caller } from '#core/access/access.ts';
import { platformTenant } from '#core/access/access.ts';
import { contextOf } from '#functions/runtime/authorizer.ts';
import { onHttp } from '#functions/runtime/http.ts';
import type { HttpVerb } from '#functions/runtime/request.ts';
import { callerA, context, proxyEvent, tenantB } from '#test/support/events.ts';
import { MemoryGrants, testGuard } from '#test/support/guard.ts';
import { MemoryControl } from '#test/support/memory.ts';
import { MemoryRecorder } from '#test/support/reading.ts';
import { MemoryIssuers, MemoryKeys, MemoryMoves, MemoryPolicies, MemoryProjects, MemoryTenants } from './registries.ts';

export const admin: Caller = {
  tenant: platformTenant,
  kind: 'key',
  keyId: 'pppppppppppppppppppp',
  scopes: ['admin'],
  eventsPerSecond: 1000,
};
export const callerB: Caller = { ...callerA, tenant: tenantB, kind: 'key', keyId: 'bbbbbbbbbbbbbbbbbbbb' };

export function desk() {
  const grants = new MemoryGrants();
  const control = new MemoryControl();
  let count = 0;
  return {
    guard: testGuard(grants),
    grants,
    control,
    publisher: control,
    // A desk where no issuer signed anything.
    tokens: { verify: async () => undefined },
    tenants: new MemoryTenants(),
    moves: new MemoryMoves(),
    lastShard: 1,
    keys: new MemoryKeys(),
    issuers: new MemoryIssuers(),
    plaintextHosts: ['127.0.0.1'],
    projects: new MemoryProjects(),
    policies: new MemoryPolicies(),
    recorder: new MemoryRecorder(),
    sha256: (data: string | Uint8Array) => createHash('sha256').update(data).digest('hex'),
    ids: {
      // Deterministic, and never the same twice.
      random: (bytes: number) =>
        new Uint8Array(createHash('sha512').update(String(count++)).digest().subarray(0, bytes)),
      uuidv7: () => `01890000-0000-7000-8000-${String(count++).padStart(12, '0')}`,
    },
  };
}
export type Desk = ReturnType<typeof desk>;

export interface Asked {
  readonly method: string;
  readonly path: string;
  readonly params?: Record<string, string>;
  readonly query?: Record<string, string[]>;
  readonly headers?: Record<string, string>;
  readonly json?: unknown;
  readonly caller?: Caller | undefined;
}

/** Calls a verb through onHttp: status, headers and the raw and parsed body, as a client sees them. */
export async function ask<Ports>(verb: HttpVerb<Ports>, ports: Ports, asked: Asked) {
  const openers = Object.fromEntries(Object.entries(ports as object).map(([name, port]) => [name, () => port]));
  const { caller } = asked;
  const event = proxyEvent({
    httpMethod: asked.method,
    path: asked.path,
    pathParameters: asked.params ?? null,
    multiValueQueryStringParameters: asked.query ?? null,
    multiValueHeaders: Object.fromEntries(Object.entries(asked.headers ?? {}).map(([name, value]) => [name, [value]])),
    body: asked.json === undefined ? null : JSON.stringify(asked.json),
    ...(caller ? { authorizer: contextOf(caller) } : {}),
  });
  const answer = await onHttp(verb, openers as never)(event, context);
  const text = answer.body;
  return {
    status: answer.statusCode,
    headers: answer.headers ?? {},
    text,
    json: text === '' ? undefined : JSON.parse(text),
  };
}
