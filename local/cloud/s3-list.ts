/** Listings: keys in byte order, in pages, with common prefixes. */
import { AwsError, escapeXml } from './exchange.ts';
import { type Bucket, compareKeys, placeOf, type S3Store, type Version } from './s3-store.ts';

const pageMax = 1000;

/** How many entries a page may have. */
function pageOf(query: URLSearchParams): number {
  const text = query.get('max-keys') ?? String(pageMax);
  if (!/^\d{1,10}$/.test(text)) {
    throw new AwsError(400, 'InvalidArgument', 'Provided max-keys not an integer or within integer range');
  }
  return Math.min(Number(text), pageMax);
}

/** ListObjectsV2. */
export function listObjects(store: S3Store, bucket: Bucket, query: URLSearchParams): string {
  const prefix = query.get('prefix') ?? '';
  const delimiter = query.get('delimiter') ?? '';
  const max = pageOf(query);
  const token = query.get('continuation-token');
  const after = token === null ? (query.get('start-after') ?? '') : Buffer.from(token, 'base64url').toString();
  const encoded = query.get('encoding-type') === 'url';
  const name = (text: string) => escapeXml(encoded ? encodeURIComponent(text).replaceAll('%2F', '/') : text);
  const contents: string[] = [];
  const prefixes = new Set<string>();
  let last = '';
  let truncated = false;
  const keys = store.keys(bucket);
  for (let at = placeOf(keys, compareKeys(after, prefix) > 0 ? after : prefix); at < keys.length; at++) {
    const key = keys[at]!;
    if (!key.startsWith(prefix)) break;
    if (key === after && after !== '') continue;
    const version = store.current(bucket, key);
    if (!version) continue;
    const cut = delimiter === '' ? -1 : key.indexOf(delimiter, prefix.length);
    const common = cut < 0 ? undefined : key.slice(0, cut + delimiter.length);
    if (common !== undefined && (prefixes.has(common) || after.startsWith(common))) {
      if (prefixes.has(common)) last = key;
      continue;
    }
    if (contents.length + prefixes.size >= max) {
      truncated = true;
      break;
    }
    if (common === undefined) contents.push(entry(name(key), version));
    else prefixes.add(common);
    last = key;
  }
  return [
    '<ListBucketResult>',
    `<Name>${escapeXml(bucket.name)}</Name><Prefix>${name(prefix)}</Prefix><MaxKeys>${max}</MaxKeys>`,
    encoded ? '<EncodingType>url</EncodingType>' : '',
    `<KeyCount>${contents.length + prefixes.size}</KeyCount><IsTruncated>${truncated}</IsTruncated>`,
    truncated ? `<NextContinuationToken>${Buffer.from(last).toString('base64url')}</NextContinuationToken>` : '',
    ...contents,
    ...[...prefixes].map((one) => `<CommonPrefixes><Prefix>${name(one)}</Prefix></CommonPrefixes>`),
    '</ListBucketResult>',
  ].join('');
}

const entry = (name: string, version: Version): string =>
  `<Contents><Key>${name}</Key><LastModified>${new Date(version.at).toISOString()}</LastModified>` +
  `<ETag>&quot;${version.etag}&quot;</ETag><Size>${version.size}</Size><StorageClass>${version.storageClass}</StorageClass></Contents>`;

/** ListObjectVersions: newest first within a key. */
export function listVersions(store: S3Store, bucket: Bucket, query: URLSearchParams): string {
  const prefix = query.get('prefix') ?? '';
  const max = pageOf(query);
  const keyMarker = query.get('key-marker');
  const versionMarker = query.get('version-id-marker');
  const shown: string[] = [];
  let started = keyMarker === null;
  let lastKey = '';
  let lastId = '';
  let truncated = false;
  const keys = store.keys(bucket);
  for (let at = placeOf(keys, prefix); at < keys.length; at++) {
    const key = keys[at]!;
    if (!key.startsWith(prefix)) break;
    for (const [index, version] of bucket.objects.get(key)!.entries()) {
      if (!started) {
        const afterKey = compareKeys(key, keyMarker!);
        if (afterKey < 0 || (afterKey === 0 && versionMarker === null)) continue;
        if (afterKey === 0) {
          if (version.id === versionMarker) started = true;
          continue;
        }
        started = true;
      }
      if (shown.length >= max) {
        truncated = true;
        break;
      }
      const tag = version.deleteMarker ? 'DeleteMarker' : 'Version';
      shown.push(
        `<${tag}><Key>${escapeXml(key)}</Key><VersionId>${version.id}</VersionId><IsLatest>${index === 0}</IsLatest>` +
          `<LastModified>${new Date(version.at).toISOString()}</LastModified>` +
          (version.deleteMarker
            ? ''
            : `<ETag>&quot;${version.etag}&quot;</ETag><Size>${version.size}</Size><StorageClass>${version.storageClass}</StorageClass>`) +
          `</${tag}>`,
      );
      lastKey = key;
      lastId = version.id;
    }
    if (truncated) break;
  }
  const next = truncated
    ? `<NextKeyMarker>${escapeXml(lastKey)}</NextKeyMarker><NextVersionIdMarker>${lastId}</NextVersionIdMarker>`
    : '';
  return `<ListVersionsResult><Name>${escapeXml(bucket.name)}</Name><IsTruncated>${truncated}</IsTruncated>${next}${shown.join('')}</ListVersionsResult>`;
}
