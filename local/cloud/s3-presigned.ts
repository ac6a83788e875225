/**
 * Addresses that somebody with rights signed, for whoever has them: SigV4 in the query (AWS, Signature Version 4,
 * "Authenticating requests: using query parameters"). Everybody's secret is the same word here; what the signature
 * covers, and until when, is compared as S3 does.
 */
import { createHash, createHmac, timingSafeEqual } from 'node:crypto';
import { AwsError, type Exchange } from './exchange.ts';

const secret = 'local';
/** Seven days. */
const secondsMax = 604_800;

/** Refuses an address that is too old, or is not what was signed. Requests that sign their headers are not looked at. */
export function refuseBroken({ method, rawPath, query, headers }: Exchange, now: number): void {
  const given = query.get('X-Amz-Signature');
  if (given === null) return;
  const said = (name: string): string => {
    const value = query.get(`X-Amz-${name}`);
    if (value === null) throw new AwsError(400, 'AuthorizationQueryParametersError', `X-Amz-${name} is missing`);
    return value;
  };
  const date = said('Date');
  const seconds = Number(said('Expires'));
  if (said('Algorithm') !== 'AWS4-HMAC-SHA256' || !(seconds > 0 && seconds <= secondsMax)) {
    throw new AwsError(400, 'AuthorizationQueryParametersError');
  }
  const made = Date.parse(date.replace(/^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/, '$1-$2-$3T$4:$5:$6Z'));
  if (!(now <= made + seconds * 1000)) throw new AwsError(403, 'AccessDenied', 'Request has expired');

  const [, ...scope] = said('Credential').split('/');
  const names = said('SignedHeaders');
  const canonical = [
    method,
    rawPath,
    [...query]
      .filter(([name]) => name !== 'X-Amz-Signature')
      .map(([name, value]) => `${encoded(name)}=${encoded(value)}`)
      .sort()
      .join('&'),
    ...names.split(';').map((name) => `${name}:${(headers[name] ?? '').trim()}`),
    '',
    names,
    query.get('X-Amz-Content-Sha256') ?? 'UNSIGNED-PAYLOAD',
  ].join('\n');
  const signed = ['AWS4-HMAC-SHA256', date, scope.join('/'), createHash('sha256').update(canonical).digest('hex')];
  const key = scope.reduce<string | Buffer>((one, word) => hmac(one, word), `AWS4${secret}`);
  const wanted = hmac(key, signed.join('\n'));
  const shown = Buffer.from(given, 'hex');
  if (shown.length !== wanted.length || !timingSafeEqual(shown, wanted)) {
    throw new AwsError(403, 'SignatureDoesNotMatch', 'The request signature we calculated does not match.');
  }
}

const hmac = (key: string | Buffer, text: string): Buffer => createHmac('sha256', key).update(text).digest();

/** As SigV4 writes it: only letters, digits and `-._~` stand for themselves. */
const encoded = (text: string): string =>
  encodeURIComponent(text).replace(/[!'()*]/g, (one) => `%${one.charCodeAt(0).toString(16).toUpperCase()}`);
