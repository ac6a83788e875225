/**
 * Which operation of S3 a request means, and what it may say. A sub-resource, a query word or a header that is not
 * named here is refused, never ignored: an emulator that ignores a word teaches the wrong thing.
 */
import { AwsError, type Exchange, notImplemented } from './exchange.ts';

/** Bucket and key of a path as it came; decoded after the cut, so that `%2F` and `..` stay what they are. */
export function addressOf(rawPath: string): { readonly bucket: string; readonly key: string } {
  const path = rawPath.slice(1);
  const slash = path.indexOf('/');
  if (slash < 0) return { bucket: decodeURIComponent(path), key: '' };
  return { bucket: decodeURIComponent(path.slice(0, slash)), key: decodeURIComponent(path.slice(slash + 1)) };
}

const subresources = [
  'versioning',
  'object-lock',
  'lifecycle',
  'versions',
  'delete',
  'tagging',
  'retention',
  'legal-hold',
  'uploads',
  'restore',
  'uploadId',
  'list-type',
];

const list = ['prefix', 'delimiter', 'max-keys', 'encoding-type'];

/** Method, place and sub-resource → the operation as AWS names it, and the query words it may carry. */
const operations: Readonly<Record<string, readonly [name: string, ...query: string[]]>> = {
  'GET service': ['ListBuckets'],
  'PUT bucket': ['CreateBucket'],
  'HEAD bucket': ['HeadBucket'],
  'DELETE bucket': ['DeleteBucket'],
  'GET bucket list-type': ['ListObjectsV2', ...list, 'continuation-token', 'start-after', 'fetch-owner'],
  'GET bucket versions': ['ListObjectVersions', ...list, 'key-marker', 'version-id-marker'],
  'PUT bucket versioning': ['PutBucketVersioning'],
  'GET bucket versioning': ['GetBucketVersioning'],
  'PUT bucket object-lock': ['PutObjectLockConfiguration'],
  'GET bucket object-lock': ['GetObjectLockConfiguration'],
  'PUT bucket lifecycle': ['PutBucketLifecycleConfiguration'],
  'GET bucket lifecycle': ['GetBucketLifecycleConfiguration'],
  'DELETE bucket lifecycle': ['DeleteBucketLifecycle'],
  'POST bucket delete': ['DeleteObjects'],
  'PUT object': ['PutObject'],
  'GET object': ['GetObject', 'versionId', 'response-content-disposition', 'x-amz-checksum-mode'],
  'HEAD object': ['HeadObject', 'versionId'],
  'DELETE object': ['DeleteObject', 'versionId'],
  'POST object uploads': ['CreateMultipartUpload'],
  'PUT object uploadId': ['UploadPart', 'partNumber'],
  'POST object uploadId': ['CompleteMultipartUpload'],
  'GET object uploadId': ['ListParts', 'max-parts', 'part-number-marker'],
  'DELETE object uploadId': ['AbortMultipartUpload'],
  'POST object restore': ['RestoreObject', 'versionId'],
  'PUT object tagging': ['PutObjectTagging', 'versionId'],
  'GET object tagging': ['GetObjectTagging', 'versionId'],
  'DELETE object tagging': ['DeleteObjectTagging', 'versionId'],
  'PUT object retention': ['PutObjectRetention', 'versionId'],
  'GET object retention': ['GetObjectRetention', 'versionId'],
  'PUT object legal-hold': ['PutObjectLegalHold', 'versionId'],
  'GET object legal-hold': ['GetObjectLegalHold', 'versionId'],
};

/** `PutObject`; the bare words of the request when it is nothing we know. */
export function operationOf({ method, rawPath, query, headers }: Exchange): string {
  const found = operations[wordsOf({ method, rawPath, query })]?.[0];
  if (found === undefined) return `${method} ?${[...query.keys()].join('&')}`;
  if (headers['x-amz-copy-source'] === undefined) return found;
  return found === 'UploadPart' ? 'UploadPartCopy' : 'CopyObject';
}

function wordsOf({ method, rawPath, query }: Pick<Exchange, 'method' | 'rawPath' | 'query'>): string {
  const { bucket, key } = addressOf(rawPath);
  const place = bucket === '' ? 'service' : key === '' ? 'bucket' : 'object';
  return [method, place, ...subresources.filter((name) => query.has(name))].join(' ');
}

const headersKnown =
  /^x-amz-(content-sha256|date|user-agent|checksum-\S+|sdk-checksum-algorithm|trailer|decoded-content-length|storage-class|server-side-encryption|server-side-encryption-aws-kms-key-id|server-side-encryption-bucket-key-enabled|server-side-encryption-context|meta-\S+|tagging|tagging-directive|object-lock-\S+|security-token|copy-source|metadata-directive|bypass-governance-retention|bucket-object-lock-enabled|transition-default-minimum-object-size|expected-bucket-owner|te|mp-object-size)$/;
const conditionsUnknown = ['if-modified-since', 'if-unmodified-since', 'if-range'];
const storageClasses = new Set([
  'STANDARD',
  'REDUCED_REDUNDANCY',
  'STANDARD_IA',
  'ONEZONE_IA',
  'INTELLIGENT_TIERING',
  'GLACIER_IR',
  'GLACIER',
  'DEEP_ARCHIVE',
]);

/** Throws NotImplemented for anything that would be ignored, and InvalidStorageClass for a class that S3 has not. */
export function refuseUnknown(exchange: Exchange): void {
  const words = wordsOf(exchange);
  const operation = operations[words];
  if (!operation) throw notImplemented(`S3 ${words} (?${[...exchange.query.keys()].join('&')})`);
  const [name, ...allowed] = operation;
  for (const word of exchange.query.keys()) {
    const known = allowed.includes(word) || subresources.includes(word) || word === 'x-id' || word.startsWith('X-Amz-');
    if (!known) throw notImplemented(`S3 ${name} with ?${word}`);
  }
  for (const header of Object.keys(exchange.headers)) {
    const unknown = header.startsWith('x-amz-') && !headersKnown.test(header);
    if (unknown || conditionsUnknown.includes(header)) throw notImplemented(`S3 ${name} with the header ${header}`);
  }
  const { range, 'x-amz-storage-class': storageClass } = exchange.headers;
  if (range?.includes(',')) throw notImplemented(`S3 ${name} of several ranges`);
  if (storageClass !== undefined && !storageClasses.has(storageClass))
    throw new AwsError(400, 'InvalidStorageClass', 'The storage class you specified is not valid');
}
