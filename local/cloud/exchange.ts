/** One request and its answer, as every local service sees them. */

export interface Exchange {
  readonly method: string;
  /** Path as it came over the wire: not decoded, `..` not resolved. */
  readonly rawPath: string;
  readonly query: URLSearchParams;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer;
  /** Aborted when the caller goes away or the cloud stops. */
  readonly signal: AbortSignal;
}

export interface Reply {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string | number>>;
  readonly body?: string | Uint8Array;
}

/** What a service answers when it refuses: the code that AWS uses. */
export class AwsError extends Error {
  override readonly name = 'AwsError';
  readonly code: string;
  readonly status: number;

  constructor(status: number, code: string, message = code) {
    super(message);
    this.status = status;
    this.code = code;
  }
}

/** Anything we do not do is said loudly: an emulator that ignores a word teaches the wrong thing. */
export const notImplemented = (what: string): AwsError =>
  new AwsError(501, 'NotImplemented', `${what} is not implemented by the local platform`);

/** A service: finds the operation, does it, and says how an error looks in its protocol. */
export interface Service {
  readonly name: 's3' | 'sqs' | 'sns' | 'ssm' | 'kms' | 'lambda' | 'secretsmanager' | 'athena' | 'glue' | 'scheduler';
  operationOf(exchange: Exchange): string;
  handle(exchange: Exchange): Promise<Reply>;
  refuse(error: AwsError, exchange: Exchange): Reply;
}

export const escapeXml = (text: unknown): string =>
  String(text).replace(/[&<>"'\r]/g, (character) => `&#${character.charCodeAt(0)};`);

export const unescapeXml = (text: string): string =>
  text.replace(/&(?:lt|gt|quot|apos|amp|#(\d+)|#x([0-9a-fA-F]+));/g, (entity, decimal, hexadecimal) => {
    if (decimal) return String.fromCodePoint(Number(decimal));
    if (hexadecimal) return String.fromCodePoint(Number.parseInt(hexadecimal, 16));
    return { '&lt;': '<', '&gt;': '>', '&quot;': '"', '&apos;': "'", '&amp;': '&' }[entity as string] ?? entity;
  });

/** The text of the first element of this name, or undefined. The SDK writes plain XML without attributes inside. */
export function xmlText(xml: string, name: string): string | undefined {
  const text = new RegExp(`<${name}(?:\\s[^>]*)?>([^<]*)</${name}>`).exec(xml)?.[1];
  return text === undefined ? undefined : unescapeXml(text);
}

/** The contents of every element of this name, not nested in itself. */
export const xmlBlocks = (xml: string, name: string): string[] =>
  [...xml.matchAll(new RegExp(`<${name}(?:\\s[^>]*)?>([\\s\\S]*?)</${name}>`, 'g'))].map((match) => match[1]!);
