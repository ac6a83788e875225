/** A small API over real sockets: keeps what it is sent and answers as it is told. */
import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { gunzipSync } from 'node:zlib';
import type { JsonObject } from '#core/event/event.ts';

export interface Received {
  readonly method: string;
  readonly path: string;
  readonly headers: IncomingMessage['headers'];
  readonly body: string;
}

export interface StubAnswer {
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: unknown;
}

export interface StubApi {
  readonly url: string;
  readonly received: Received[];
  /** The most requests that were open at once. */
  readonly busiest: () => number;
  /** Events by the idempotency key that brought them: a key that comes again adds nothing. */
  readonly claims: Map<string, JsonObject[]>;
  close(): Promise<void>;
}

/** `answer` may take a request over; undefined leaves it to the stub, which accepts every event but `no.*`. */
export async function startStub(
  answer: (request: Received, nth: number) => StubAnswer | undefined | Promise<undefined>,
): Promise<StubApi> {
  const received: Received[] = [];
  const claims = new Map<string, JsonObject[]>();
  let open = 0;
  let busiest = 0;
  const server = createServer((request, response) => {
    void read(request).then(async (body) => {
      open += 1;
      busiest = Math.max(busiest, open);
      const one = { method: request.method ?? '', path: request.url ?? '', headers: request.headers, body };
      received.push(one);
      const given = (await answer(one, received.length)) ?? accept(one, claims);
      open -= 1;
      response.writeHead(given.status ?? 200, {
        'content-type': 'application/json',
        'x-request-id': 'r-1',
        ...given.headers,
      });
      response.end(given.body === undefined ? '' : JSON.stringify(given.body));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    received,
    busiest: () => busiest,
    claims,
    close: () => new Promise((resolve) => server.close(() => resolve())),
  };
}

async function read(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  const body = Buffer.concat(chunks);
  return (request.headers['content-encoding'] === 'gzip' ? gunzipSync(body) : body).toString();
}

function accept({ path, headers, body }: Received, claims: Map<string, JsonObject[]>): StubAnswer {
  if (path !== '/v1/events') return { status: 404, body: { code: 'not_found', detail: 'There is nothing here.' } };
  const events = body
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as JsonObject);
  claims.set(String(headers['idempotency-key']), events);
  const items = events.map(({ action }, index) =>
    String(action).startsWith('no.')
      ? { index, status: 'refused', code: 'event_schema_violated', detail: 'The schema says no.' }
      : { index, status: 'accepted', id: `id-${index}`, tier: String(action).startsWith('ssh.') ? 'critical' : 'bulk' },
  );
  const refused = items.filter(({ status }) => status === 'refused').length;
  if (refused === items.length) {
    return { status: 422, body: { code: 'batch_refused', detail: 'No event was accepted.', items } };
  }
  return { status: 202, body: { accepted: items.length - refused, refused, items } };
}
