/** A request and an answer as verbs see them, free of API Gateway. */
import type { Caller } from '#core/access/access.ts';

export interface HttpRequest {
  readonly method: string;
  /** Path from the root of the host name. */
  readonly path: string;
  /** Decoded path parameters. */
  readonly params: Readonly<Record<string, string>>;
  readonly query: URLSearchParams;
  /** Lower-case names; several values joined with `, `. */
  readonly headers: Readonly<Record<string, string>>;
  /** Raw bytes as sent (still gzip when Content-Encoding says so). */
  readonly body: Uint8Array | undefined;
  /** Set on every route behind the authorizer. */
  readonly caller: Caller | undefined;
  readonly requestId: string;
  readonly sourceIp: string;
  /** When the request came in: the only clock a verb reads. */
  readonly now: Date;
}

export interface HttpResponse {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  /** An object becomes JSON; a string or bytes go out as they are (set content-type). */
  readonly body?: object | string | Uint8Array;
}

/** A verb over ports: what is true about HTTP lives in functions/runtime/http.ts. */
export type HttpVerb<Ports> = (ports: Ports, request: HttpRequest) => Promise<HttpResponse>;
