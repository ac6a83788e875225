/** A small HTTP server in the place of the API: answers as it is told, and keeps what it was sent. */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { createGunzip } from 'node:zlib';

export interface Taken {
  readonly method: string;
  readonly path: string;
  readonly headers: IncomingMessage['headers'];
  /** Inflated. */
  readonly body: string;
}

/** What to do with a request; undefined: accept it. */
export type Rule = (taken: Taken, response: ServerResponse, number: number) => unknown;

export interface StandIn {
  readonly url: string;
  readonly taken: Taken[];
  rule: Rule | undefined;
  /** Events of all requests, in their order. */
  readonly events: () => readonly { readonly action: string; readonly [name: string]: unknown }[];
  readonly close: () => Promise<void>;
}

export async function standIn(rule?: Rule): Promise<StandIn> {
  const taken: Taken[] = [];
  const server = createServer(async (request, response) => {
    try {
      const zipped = request.headers['content-encoding'] === 'gzip';
      const body = await text(zipped ? request.pipe(createGunzip()) : request);
      const one = { method: request.method!, path: request.url!, headers: request.headers, body };
      taken.push(one);
      await self.rule?.(one, response, taken.length);
      if (!response.headersSent && !response.destroyed) accept(one, response);
    } catch {
      // The client went away in the middle of its body.
      response.destroy();
    }
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const self: StandIn = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    taken,
    rule,
    events: () => taken.flatMap(eventsOf),
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
  return self;
}

export const eventsOf = ({ body }: Taken): { action: string; [name: string]: unknown }[] =>
  body
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line));

/** Answers with JSON, or problem+json when the status says so. */
export function answer(response: ServerResponse, status: number, body: object, headers: Record<string, string> = {}) {
  const type = status < 400 ? 'application/json' : 'application/problem+json';
  response.writeHead(status, { 'content-type': type, 'x-request-id': 'request-1', ...headers });
  response.end(JSON.stringify(body));
}

export const problem = (
  response: ServerResponse,
  status: number,
  code: string,
  headers: Record<string, string> = {},
  extensions: object = {},
) => answer(response, status, { status, code, detail: `It is ${code}.`, ...extensions }, headers);

function accept(taken: Taken, response: ServerResponse): void {
  const received_at = '2026-03-01T00:00:00.000Z';
  if (taken.headers['content-type'] === 'application/json') {
    answer(response, 202, { id: 'id-0', tier: 'bulk', received_at });
    return;
  }
  const items = eventsOf(taken).map((_, index) => ({ index, status: 'accepted', id: `id-${index}`, tier: 'bulk' }));
  answer(response, 202, { accepted: items.length, refused: 0, items, received_at });
}
