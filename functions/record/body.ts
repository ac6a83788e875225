/** The body of a request as text: size, encoding and UTF-8 are settled here, before anything is parsed. */
import { gunzipSync } from 'node:zlib';
import { inflatedBytesMax, requestBytesMax } from '#core/event/event.ts';
import { Problem } from '#core/event/problem.ts';
import { decodeUtf8 } from '#functions/runtime/http.ts';
import type { HttpRequest } from '#functions/runtime/request.ts';

/** Throws `body_missing`, `body_too_large`, `encoding_unsupported`, `gzip_invalid` or `utf8_invalid`. */
export function requestText(request: HttpRequest): string {
  const { body } = request;
  if (!body || body.length === 0) throw new Problem('body_missing', 'Send one event, an array of events or NDJSON.');
  if (body.length > requestBytesMax) {
    throw new Problem(
      'body_too_large',
      `The body has ${body.length} bytes; the limit is ${requestBytesMax}. Send smaller batches.`,
    );
  }
  const encoding = (request.headers['content-encoding'] ?? 'identity').trim().toLowerCase();
  if (encoding === 'identity' || encoding === '') return decodeUtf8(body);
  if (encoding !== 'gzip') {
    throw new Problem(
      'encoding_unsupported',
      `Content-Encoding ${encoding.slice(0, 40)} is not known; send gzip or nothing.`,
    );
  }
  return decodeUtf8(inflate(body));
}

function inflate(body: Uint8Array): Uint8Array {
  try {
    return gunzipSync(body, { maxOutputLength: inflatedBytesMax });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ERR_BUFFER_TOO_LARGE') {
      throw new Problem('body_too_large', `The gzip body inflates to more than ${inflatedBytesMax} bytes.`);
    }
    throw new Problem('gzip_invalid', 'The body is marked as gzip and cannot be inflated.');
  }
}
