import type { ShownEvent } from '#core/privacy/open.ts';

/** Lambda answers at most 6 MB; this leaves room for the envelope and for API Gateway. */
export const pageBytesMax = 4.5 * 1024 * 1024;

/** As many events, as JSON, as one answer can carry: at least one, for an event is far smaller than an answer. */
export function cutPage(events: readonly ShownEvent[]): { readonly texts: readonly string[]; readonly cut: boolean } {
  const texts: string[] = [];
  let bytes = 0;
  for (const event of events) {
    const text = JSON.stringify(event);
    bytes += Buffer.byteLength(text) + 1;
    if (bytes > pageBytesMax && texts.length > 0) return { texts, cut: true };
    texts.push(text);
  }
  return { texts, cut: false };
}

/** A JSON object whose `events` are texts already; the other members follow. */
export const pageBody = (texts: readonly string[], rest: object): string =>
  `{"events":[${texts.join(',')}],${JSON.stringify(rest).slice(1)}`;
