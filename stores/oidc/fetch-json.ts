/** Fetching a small JSON document from an issuer, which is a stranger: its address, its speed and its size are its choice. */
import { lookup } from 'node:dns';
import { request as requestPlain } from 'node:http';
import { request } from 'node:https';
import { isIP, type LookupFunction } from 'node:net';
import { parseJson } from '#core/event/json.ts';
import { isPublicAddress } from './public-address.ts';

export interface FetchLimits {
  /** Hosts that may be called without TLS and at any address; an operator names them. */
  readonly plaintextHosts: readonly string[];
  readonly timeoutMs?: number;
  readonly bytesMax?: number;
}

export type FetchJson = (url: string) => Promise<Record<string, unknown>>;

/** Why a document could not be had. Says nothing about what was found at an address. */
export class FetchRefused extends Error {
  override readonly name = 'FetchRefused';
}

/**
 * One GET: https, no redirects, an answer of 200 within 3 s and 64 KB that is a JSON object without duplicate keys.
 *
 * Whether an address is public is judged where the connection is made, so a name that resolves differently the
 * second time (DNS rebinding) gains nothing. Rejects with FetchRefused or the network's error.
 */
export function createFetchJson({ plaintextHosts, timeoutMs = 3_000, bytesMax = 65_536 }: FetchLimits): FetchJson {
  return (text) =>
    new Promise((resolve, reject) => {
      const url = new URL(text);
      const trusted = plaintextHosts.includes(url.hostname);
      if (url.protocol !== 'https:' && !(url.protocol === 'http:' && trusted)) {
        throw new FetchRefused('the address is not https');
      }
      if (url.username !== '' || url.password !== '') throw new FetchRefused('the address holds a login');
      const host = url.hostname.replace(/^\[|\]$/g, '');
      // A literal address is connected to without a look-up.
      if (!trusted && isIP(host) !== 0 && !isPublicAddress(host)) throw new FetchRefused('the address is not public');
      const signal = AbortSignal.timeout(timeoutMs);
      const call = url.protocol === 'https:' ? request : requestPlain;
      const asked = call(url, {
        signal,
        agent: false,
        maxHeaderSize: 16_384,
        headers: { accept: 'application/json', 'user-agent': 'trailkeep' },
        ...(trusted ? {} : { lookup: lookupPublic }),
      });
      asked.on('error', reject);
      asked.on('response', (response) => {
        const stop = (why: string) => {
          reject(new FetchRefused(why));
          asked.destroy();
        };
        if (response.statusCode !== 200) {
          stop(`the answer was ${response.statusCode}`);
          return;
        }
        const chunks: Uint8Array[] = [];
        let bytes = 0;
        response.on('data', (chunk: Uint8Array) => {
          bytes += chunk.length;
          chunks.push(chunk);
          if (bytes > bytesMax) stop(`the answer has more than ${bytesMax} bytes`);
        });
        response.on('error', reject);
        response.on('end', () => {
          const parsed = parseJson(Buffer.concat(chunks).toString('utf8'));
          if (parsed.ok && isObject(parsed.value)) resolve(parsed.value);
          else reject(new FetchRefused('the answer is not a JSON object'));
        });
      });
      asked.end();
    });
}

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** Resolves names to public addresses only; one that is not public spoils them all. */
export const lookupPublic: LookupFunction = (hostname, options, callback) => {
  lookup(hostname, { ...options, all: true }, (error, found) => {
    if (error) return callback(error, []);
    if (found.length === 0 || !found.every(({ address }) => isPublicAddress(address))) {
      return callback(new FetchRefused('the address is not public'), []);
    }
    if (options.all) callback(null, found);
    else callback(null, found[0]!.address, found[0]!.family);
  });
};
