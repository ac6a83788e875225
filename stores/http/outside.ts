/**
 * Asking a place on the internet that a tenant named: its address, speed, size and words are a stranger's. Https only,
 * public addresses only, judged where the connection is made, so a name that resolves differently the second time (DNS
 * rebinding) gains nothing; no redirects.
 */
import { request as requestPlain } from 'node:http';
import { request } from 'node:https';
import { isIP } from 'node:net';
import { lookupPublic } from '../oidc/fetch-json.ts';
import { isPublicAddress } from '../oidc/public-address.ts';

export interface OutsideLimits {
  /** Hosts that may be called without TLS and at any address; an operator names them. */
  readonly plaintextHosts: readonly string[];
  /** From the connection to the last byte. */
  readonly timeoutMs?: number;
  readonly bytesMax?: number;
}

export interface OutsideQuestion {
  readonly method?: 'GET' | 'POST';
  readonly url: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
}
export interface OutsideAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly text: string;
}
export type Outside = (question: OutsideQuestion) => Promise<OutsideAnswer>;

/** Why a place was not asked, or not heard out: an address that leads elsewhere, or an answer without end. */
export class OutsideRefused extends Error {
  override readonly name = 'OutsideRefused';
}

/** Rejects with OutsideRefused, or with the network's error for what time may heal. */
export function createOutside({
  plaintextHosts,
  timeoutMs = 60_000,
  bytesMax = 32 * 1024 * 1024,
}: OutsideLimits): Outside {
  return ({ method = 'GET', url: text, headers = {}, body }) =>
    new Promise((resolve, reject) => {
      const url = new URL(text);
      const trusted = plaintextHosts.includes(url.hostname);
      if (url.protocol !== 'https:' && !(url.protocol === 'http:' && trusted)) {
        throw new OutsideRefused('the address is not https');
      }
      if (url.username !== '' || url.password !== '') throw new OutsideRefused('the address holds a login');
      const host = url.hostname.replace(/^\[|\]$/g, '');
      // A literal address is connected to without a look-up.
      if (!trusted && isIP(host) !== 0 && !isPublicAddress(host)) throw new OutsideRefused('the address is not public');
      const call = url.protocol === 'https:' ? request : requestPlain;
      const asked = call(url, {
        method,
        signal: AbortSignal.timeout(timeoutMs),
        agent: false,
        maxHeaderSize: 16_384,
        headers: { accept: 'application/json', 'user-agent': 'trailkeep', ...headers },
        ...(trusted ? {} : { lookup: lookupPublic }),
      });
      asked.on('error', (error) => reject(error));
      asked.on('response', (response) => {
        const chunks: Uint8Array[] = [];
        let bytes = 0;
        response.on('data', (chunk: Uint8Array) => {
          bytes += chunk.length;
          if (bytes > bytesMax) {
            reject(new OutsideRefused(`the answer has more than ${bytesMax} bytes`));
            asked.destroy();
            return;
          }
          chunks.push(chunk);
        });
        response.on('error', reject);
        response.on('end', () => {
          const said = Object.entries(response.headers).map(([name, value]) => [name, String(value)]);
          resolve({
            status: response.statusCode ?? 0,
            headers: Object.fromEntries(said),
            text: Buffer.concat(chunks).toString('utf8'),
          });
        });
      });
      asked.end(body);
    });
}
