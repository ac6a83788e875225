/** What S3 answers with: documents, and the headers of an object. */
import { createHash } from 'node:crypto';
import { AwsError, escapeXml, type Reply, xmlBlocks, xmlText } from './exchange.ts';
import type { Bucket, Version } from './s3-store.ts';

export const xml = (body: string): Reply => ({
  status: 200,
  headers: { 'content-type': 'application/xml' },
  body: body.startsWith('<?xml') ? body : `<?xml version="1.0" encoding="UTF-8"?>\n${body}`,
});

export const md5 = (body: Uint8Array): string => createHash('md5').update(body).digest('hex');

/** The headers that come back with the object. */
export const kept = (headers: Readonly<Record<string, string>>): Record<string, string> =>
  Object.fromEntries(
    Object.entries(headers).filter(([name]) =>
      /^(content-type|content-encoding|content-disposition|content-language|cache-control|expires|x-amz-meta-.+|x-amz-server-side-encryption.*)$/.test(
        name,
      ),
    ),
  );

export const versionHeader = (bucket: Bucket, version: Version) =>
  bucket.versioning ? { 'x-amz-version-id': version.id } : {};

/** An RFC 9110 range of bytes; undefined for none, 416 for one beyond the end. */
export function rangeOf(
  header: string | undefined,
  size: number,
): { readonly from: number; readonly to: number } | undefined {
  const match = /^bytes=(\d*)-(\d*)$/.exec(header ?? '');
  if (!match || (match[1] === '' && match[2] === '')) return undefined;
  const from = match[1] === '' ? Math.max(0, size - Number(match[2])) : Number(match[1]);
  const to = match[1] === '' || match[2] === '' ? size - 1 : Math.min(Number(match[2]), size - 1);
  if (from >= size || from > to) throw new AwsError(416, 'InvalidRange', 'The requested range is not satisfiable');
  return { from, to };
}

export const tagsXml = (header: string): string =>
  checkedTags(
    `<Tagging><TagSet>${[...new URLSearchParams(header)].map(([key, value]) => `<Tag><Key>${escapeXml(key)}</Key><Value>${escapeXml(value)}</Value></Tag>`).join('')}</TagSet></Tagging>`,
  );

/** The tags of a version by their keys. */
export const tagsOf = ({ tags }: Version): ReadonlyMap<string, string> =>
  new Map(xmlBlocks(tags ?? '', 'Tag').map((tag) => [xmlText(tag, 'Key') ?? '', xmlText(tag, 'Value') ?? '']));

/** Refuses tags that S3 would not take. */
export function checkedTags(text: string): string {
  const keys = xmlBlocks(text, 'Tag').map((tag) => xmlText(tag, 'Key') ?? '');
  const refused = (why: string) => new AwsError(400, 'InvalidTag', why);
  if (keys.length > tagsMax) throw new AwsError(400, 'BadRequest', `Object tags cannot be greater than ${tagsMax}`);
  if (new Set(keys).size < keys.length) throw refused('Cannot provide multiple Tags with the same key');
  if (keys.some((key) => key === '' || key.length > 128)) throw refused('The TagKey you have provided is invalid');
  const values = xmlBlocks(text, 'Tag').map((tag) => xmlText(tag, 'Value') ?? '');
  if (values.some((value) => value.length > 256)) throw refused('The TagValue you have provided is invalid');
  return text;
}

const tagsMax = 10;
