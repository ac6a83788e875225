/** Digests of a body as S3 knows them, and the framing that streamed bodies come in. */
import { createHash } from 'node:crypto';
import { crc32 } from 'node:zlib';
import { AwsError, notImplemented } from './exchange.ts';

export type Checksums = Readonly<Record<string, string>>;

const algorithms: Readonly<Record<string, (body: Uint8Array) => string>> = {
  'x-amz-checksum-crc32': (body) => bigEndian(crc32(body)),
  'x-amz-checksum-crc32c': (body) => bigEndian(crc32c(body)),
  'x-amz-checksum-sha1': (body) => createHash('sha1').update(body).digest('base64'),
  'x-amz-checksum-sha256': (body) => createHash('sha256').update(body).digest('base64'),
};

function bigEndian(value: number): string {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value >>> 0);
  return bytes.toString('base64');
}

let table: Uint32Array | undefined;

/** CRC-32C (Castagnoli), RFC 3720 §B.4; zlib has only the other one. */
function crc32c(body: Uint8Array): number {
  table ??= Uint32Array.from({ length: 256 }, (_, index) => {
    let value = index;
    for (let bit = 0; bit < 8; bit++) value = value & 1 ? (value >>> 1) ^ 0x82f63b78 : value >>> 1;
    return value;
  });
  let crc = 0xffffffff;
  for (const byte of body) crc = table[(crc ^ byte) & 0xff]! ^ (crc >>> 8);
  return (crc ^ 0xffffffff) >>> 0;
}

/** The digests that came with a body, once they are found right; a wrong one is BadDigest. */
export function verified(body: Uint8Array, headers: Readonly<Record<string, string>>): Checksums {
  const found: Record<string, string> = {};
  for (const [name, value] of Object.entries(headers)) {
    if (
      !name.startsWith('x-amz-checksum-') ||
      ['x-amz-checksum-mode', 'x-amz-checksum-type', 'x-amz-checksum-algorithm'].includes(name)
    )
      continue;
    const digest = algorithms[name];
    if (!digest) throw notImplemented(`S3 ${name}`);
    if (digest(body) !== value)
      throw new AwsError(
        400,
        'BadDigest',
        `The ${name.slice(15).toUpperCase()} you specified did not match the calculated checksum.`,
      );
    found[name] = value;
  }
  const md5 = headers['content-md5'];
  if (md5 !== undefined && createHash('md5').update(body).digest('base64') !== md5) {
    throw new AwsError(400, 'BadDigest', 'The Content-MD5 you specified did not match what we received.');
  }
  const sha256 = headers['x-amz-content-sha256'];
  if (
    sha256 !== undefined &&
    /^[0-9a-f]{64}$/.test(sha256) &&
    createHash('sha256').update(body).digest('hex') !== sha256
  ) {
    throw new AwsError(
      400,
      'XAmzContentSHA256Mismatch',
      'The provided x-amz-content-sha256 header does not match what was computed.',
    );
  }
  return found;
}

const incomplete = () => new AwsError(400, 'IncompleteBody', 'The chunks of the body do not add up.');

/** The body of an aws-chunked request, and its trailers as headers. */
export function dechunked(
  body: Buffer,
  headers: Readonly<Record<string, string>>,
): { readonly body: Buffer; readonly headers: Record<string, string> } {
  const chunked =
    /aws-chunked/.test(headers['content-encoding'] ?? '') || headers['x-amz-content-sha256']?.startsWith('STREAMING-');
  if (!chunked) return { body, headers: { ...headers } };
  const parts: Buffer[] = [];
  const trailers: Record<string, string> = {};
  let at = 0;
  for (;;) {
    const end = body.indexOf('\r\n', at);
    const size = end < 0 ? Number.NaN : Number.parseInt(body.toString('latin1', at, end).split(';')[0]!, 16);
    if (Number.isNaN(size)) throw incomplete();
    at = end + 2;
    if (size === 0) break;
    if (at + size > body.length) throw incomplete();
    parts.push(body.subarray(at, at + size));
    at += size + 2;
  }
  for (const line of body.toString('latin1', at).split('\r\n')) {
    const colon = line.indexOf(':');
    if (colon > 0) trailers[line.slice(0, colon).trim().toLowerCase()] = line.slice(colon + 1).trim();
  }
  const decoded = Buffer.concat(parts);
  const length = headers['x-amz-decoded-content-length'];
  if (length !== undefined && Number(length) !== decoded.length) throw incomplete();
  const announced = headers['x-amz-trailer']?.split(',').map((name) => name.trim().toLowerCase()) ?? [];
  if (announced.some((name) => trailers[name] === undefined)) {
    throw new AwsError(400, 'MalformedTrailerError', 'A trailer that was announced did not come.');
  }
  const encoding = (headers['content-encoding'] ?? '')
    .split(',')
    .map((one) => one.trim())
    .filter((one) => one && one !== 'aws-chunked')
    .join(', ');
  const { 'content-encoding': _encoding, ...rest } = headers;
  return {
    body: decoded,
    headers: { ...rest, ...trailers, ...(encoding ? { 'content-encoding': encoding } : {}) },
  };
}
