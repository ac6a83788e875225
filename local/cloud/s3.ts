/**
 * S3 over REST, path style, with what audit logs lean on enforced: conditional writes, checksums, versions, Object
 * Lock and Glacier states. A sub-resource or a header we do not know is refused, never ignored.
 */
import { createHash, randomUUID } from 'node:crypto';
import { mkdirSync } from 'node:fs';
import { type Checksums, dechunked, verified } from './checksums.ts';
import {
  AwsError,
  type Exchange,
  escapeXml,
  notImplemented,
  type Reply,
  type Service,
  xmlBlocks,
  xmlText,
} from './exchange.ts';
import { listObjects, listVersions } from './s3-list.ts';
import { lockHeaders, mayRemove, requireLock, retentionOf, retentionXml, setRetention } from './s3-lock.ts';
import { addressOf, operationOf, refuseUnknown } from './s3-operations.ts';
import { type Bucket, S3Store, type Version } from './s3-store.ts';

/** S3's own limit on a key. */
const keyBytesMax = 1024;
const keysPerDelete = 1000;
const partBytesMin = 5 * 1024 * 1024;
/** A bucket is named like a host, and so never like a path. */
const bucketName = /^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/;

interface Upload {
  readonly bucket: string;
  readonly key: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly parts: Map<number, { readonly etag: string; readonly body: Buffer }>;
}

export interface S3Options {
  readonly folder: string;
  readonly fsync: boolean;
  readonly now: () => number;
  /** How long a restore from Glacier takes here. */
  readonly glacierRestoreMs: number;
}

export class S3 implements Service {
  readonly name = 's3';
  readonly #store: S3Store;
  readonly #now: () => number;
  readonly #restoreMs: number;
  /** Uploads that are not finished; a restart forgets them, as S3's lifecycle rule would. */
  readonly #uploads = new Map<string, Upload>();
  /** Writes to one key take turns, so that conditions are judged and kept together. */
  readonly #turns = new Map<string, Promise<unknown>>();

  constructor(options: S3Options) {
    mkdirSync(options.folder, { recursive: true });
    this.#store = new S3Store(options.folder, options.fsync);
    this.#now = options.now;
    this.#restoreMs = options.glacierRestoreMs;
  }

  createBucket(
    name: string,
    options: {
      readonly versioning?: boolean;
      readonly objectLock?: boolean;
      readonly defaultRetention?: { readonly mode: 'GOVERNANCE' | 'COMPLIANCE'; readonly days: number };
    } = {},
  ): void {
    if (!bucketName.test(name) || name.includes('..')) {
      throw new AwsError(400, 'InvalidBucketName', 'The specified bucket is not valid.');
    }
    this.#store.saveBucket({
      name,
      at: this.#now(),
      ...(options.versioning || options.objectLock ? { versioning: 'Enabled' as const } : {}),
      ...(options.objectLock ? { lock: true } : {}),
      ...(options.defaultRetention ? { defaultRetention: options.defaultRetention } : {}),
    });
  }

  operationOf = operationOf;

  async handle(exchange: Exchange): Promise<Reply> {
    refuseUnknown(exchange);
    const { bucket, key } = addressOf(exchange.rawPath);
    if (Buffer.byteLength(key) > keyBytesMax) throw new AwsError(400, 'KeyTooLongError', 'Your key is too long');
    const reply =
      bucket === ''
        ? this.#listBuckets()
        : key === ''
          ? await this.#onBucket(bucket, exchange)
          : await this.#onObject(bucket, key, exchange);
    await this.#store.flushed();
    return reply;
  }

  refuse(error: AwsError, { method, rawPath }: Exchange): Reply {
    const body = `<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>${escapeXml(error.code)}</Code><Message>${escapeXml(error.message)}</Message><Resource>${escapeXml(rawPath)}</Resource></Error>`;
    return {
      status: error.status,
      headers: { 'content-type': 'application/xml' },
      ...(method === 'HEAD' || error.status === 304 ? {} : { body }),
    };
  }

  /** Puts right what a crash left; before the first call. */
  repair = (): Promise<void> => this.#store.repair();

  stop(): void {
    this.#store.stop();
  }

  #listBuckets(): Reply {
    const buckets = [...this.#store.buckets.values()].map(
      ({ name, at }) =>
        `<Bucket><Name>${escapeXml(name)}</Name><CreationDate>${new Date(at).toISOString()}</CreationDate></Bucket>`,
    );
    return xml(`<ListAllMyBucketsResult><Buckets>${buckets.join('')}</Buckets></ListAllMyBucketsResult>`);
  }

  async #onBucket(name: string, exchange: Exchange): Promise<Reply> {
    const { query, headers, body } = exchange;
    const operation = this.operationOf(exchange);
    if (operation === 'CreateBucket') {
      if (this.#store.buckets.has(name)) throw new AwsError(409, 'BucketAlreadyOwnedByYou', 'You already own it.');
      this.createBucket(name, { objectLock: headers['x-amz-bucket-object-lock-enabled'] === 'true' });
      return { status: 200, headers: { location: `/${name}` } };
    }
    const bucket = this.#store.bucket(name);
    switch (operation) {
      case 'HeadBucket':
        return { status: 200 };
      case 'DeleteBucket':
        if (bucket.objects.size > 0)
          throw new AwsError(409, 'BucketNotEmpty', 'The bucket you tried to delete is not empty');
        this.#store.removeBucket(name);
        return { status: 204 };
      case 'ListObjectsV2':
        return xml(listObjects(this.#store, bucket, query));
      case 'ListObjectVersions':
        return xml(listVersions(this.#store, bucket, query));
      case 'PutBucketVersioning':
        return this.#putVersioning(bucket, xmlText(body.toString(), 'Status'));
      case 'GetBucketVersioning':
        return xml(
          `<VersioningConfiguration>${bucket.versioning ? `<Status>${bucket.versioning}</Status>` : ''}</VersioningConfiguration>`,
        );
      case 'PutObjectLockConfiguration':
        return this.#putLock(bucket, body.toString());
      case 'GetObjectLockConfiguration':
        return xml(lockConfiguration(bucket));
      case 'PutBucketLifecycleConfiguration':
        this.#store.saveBucket({ ...bucket, lifecycle: body.toString() });
        return { status: 200 };
      case 'GetBucketLifecycleConfiguration':
        if (!bucket.lifecycle) throw new AwsError(404, 'NoSuchLifecycleConfiguration');
        return xml(bucket.lifecycle);
      case 'DeleteObjects':
        return this.#deleteMany(bucket, exchange);
      default:
        throw notImplemented(`S3 ${operation}`);
    }
  }

  #putVersioning(bucket: Bucket, status: string | undefined): Reply {
    if (status !== 'Enabled' && status !== 'Suspended') throw new AwsError(400, 'MalformedXML', 'No such status.');
    if (bucket.lock && status === 'Suspended') {
      throw new AwsError(409, 'InvalidBucketState', 'Object Lock needs versioning, so it cannot be suspended.');
    }
    this.#store.saveBucket({ ...bucket, versioning: status });
    return { status: 200 };
  }

  #putLock(bucket: Bucket, text: string): Reply {
    if (bucket.versioning !== 'Enabled') throw new AwsError(409, 'InvalidBucketState', 'Versioning must be enabled.');
    const days = Number(xmlText(text, 'Days') ?? Number(xmlText(text, 'Years') ?? 0) * 365);
    const mode = xmlText(text, 'Mode') as 'GOVERNANCE' | 'COMPLIANCE' | undefined;
    this.#store.saveBucket({
      ...bucket,
      lock: true,
      ...(mode && days > 0 ? { defaultRetention: { mode, days } } : {}),
    });
    return { status: 200 };
  }

  async #deleteMany(bucket: Bucket, exchange: Exchange): Promise<Reply> {
    verified(exchange.body, exchange.headers);
    const answers: string[] = [];
    const objects = xmlBlocks(exchange.body.toString(), 'Object');
    if (objects.length === 0 || objects.length > keysPerDelete) {
      throw new AwsError(400, 'MalformedXML', `A request names between 1 and ${keysPerDelete} objects.`);
    }
    for (const block of objects) {
      const key = xmlText(block, 'Key') ?? '';
      try {
        const id = xmlText(block, 'VersionId');
        const { headers = {} } = await this.#inTurn(bucket, key, () => this.#delete(bucket, key, id, exchange));
        const marker = headers['x-amz-delete-marker']
          ? `<DeleteMarker>true</DeleteMarker><DeleteMarkerVersionId>${headers['x-amz-version-id']}</DeleteMarkerVersionId>`
          : '';
        const version = id === undefined ? '' : `<VersionId>${escapeXml(id)}</VersionId>`;
        answers.push(`<Deleted><Key>${escapeXml(key)}</Key>${version}${marker}</Deleted>`);
      } catch (error) {
        if (!(error instanceof AwsError)) throw error;
        answers.push(
          `<Error><Key>${escapeXml(key)}</Key><Code>${error.code}</Code><Message>${escapeXml(error.message)}</Message></Error>`,
        );
      }
    }
    return xml(`<DeleteResult>${answers.join('')}</DeleteResult>`);
  }

  async #onObject(bucketName: string, key: string, exchange: Exchange): Promise<Reply> {
    const bucket = this.#store.bucket(bucketName);
    const { query } = exchange;
    const operation = this.operationOf(exchange);
    switch (operation) {
      case 'PutObject':
        return this.#inTurn(bucket, key, () => this.#put(bucket, key, exchange));
      case 'CopyObject':
        return this.#inTurn(bucket, key, () => this.#copy(bucket, key, exchange));
      case 'GetObject':
      case 'HeadObject':
        return this.#get(bucket, key, exchange);
      case 'DeleteObject':
        return this.#inTurn(bucket, key, () =>
          this.#delete(bucket, key, query.get('versionId') ?? undefined, exchange),
        );
      case 'CreateMultipartUpload':
        return this.#startUpload(bucket, key, exchange);
      case 'UploadPart':
        return this.#uploadPart(exchange);
      case 'CompleteMultipartUpload':
        return this.#inTurn(bucket, key, () => this.#finishUpload(bucket, key, exchange));
      case 'ListParts':
        return this.#listParts(exchange);
      case 'AbortMultipartUpload':
        this.#uploads.delete(query.get('uploadId')!);
        return { status: 204 };
      case 'RestoreObject':
        return this.#restore(bucket, key, exchange);
      default:
        return this.#onProperty(bucket, key, operation, exchange);
    }
  }

  /** Tags, retention and legal hold: properties of a version, never its body. */
  #onProperty(bucket: Bucket, key: string, operation: string, exchange: Exchange): Reply {
    const version = this.#version(bucket, key, exchange.query.get('versionId') ?? undefined);
    const text = exchange.body.toString();
    switch (operation) {
      case 'PutObjectTagging':
        version.tags = text;
        break;
      case 'DeleteObjectTagging':
        delete version.tags;
        break;
      case 'GetObjectTagging':
        return xml(version.tags ?? '<Tagging><TagSet></TagSet></Tagging>');
      case 'PutObjectRetention':
        requireLock(bucket);
        setRetention(version, text, this.#now(), exchange);
        break;
      case 'GetObjectRetention':
        if (!version.retention) throw new AwsError(404, 'NoSuchObjectLockConfiguration');
        return xml(retentionXml(version.retention));
      case 'PutObjectLegalHold':
        requireLock(bucket);
        version.legalHold = xmlText(text, 'Status') === 'ON';
        break;
      case 'GetObjectLegalHold':
        return xml(`<LegalHold><Status>${version.legalHold ? 'ON' : 'OFF'}</Status></LegalHold>`);
      default:
        throw notImplemented(`S3 ${operation}`);
    }
    this.#store.update(bucket, key, version);
    return { status: exchange.method === 'DELETE' ? 204 : 200 };
  }

  /** Runs after every earlier write to the key. */
  #inTurn<T>(bucket: Bucket, key: string, work: () => Promise<T>): Promise<T> {
    const name = `${bucket.name}/${key}`;
    const mine = (this.#turns.get(name) ?? Promise.resolve()).then(work, work);
    this.#turns.set(name, mine);
    const done = () => {
      if (this.#turns.get(name) === mine) this.#turns.delete(name);
    };
    mine.then(done, done);
    return mine;
  }

  #version(bucket: Bucket, key: string, id: string | undefined): Version {
    const version =
      id === undefined ? this.#store.current(bucket, key) : bucket.objects.get(key)?.find((one) => one.id === id);
    if (!version)
      throw new AwsError(404, id === undefined ? 'NoSuchKey' : 'NoSuchVersion', 'The specified key does not exist.');
    if (version.deleteMarker)
      throw new AwsError(405, 'MethodNotAllowed', 'The specified method is not allowed against this resource.');
    return version;
  }

  #condition(bucket: Bucket, key: string, headers: Readonly<Record<string, string>>): void {
    const current = this.#store.current(bucket, key);
    const refused = () =>
      new AwsError(412, 'PreconditionFailed', 'At least one of the pre-conditions you specified did not hold');
    const none = headers['if-none-match'];
    if (none !== undefined && none !== '*') throw notImplemented('S3 If-None-Match with an ETag on a write');
    if (none === '*' && current) throw refused();
    const match = headers['if-match'];
    if (match === undefined) return;
    if (!current) throw new AwsError(404, 'NoSuchKey', 'The specified key does not exist.');
    if (match.replaceAll('"', '') !== current.etag) throw refused();
  }

  async #put(bucket: Bucket, key: string, exchange: Exchange): Promise<Reply> {
    const { body, headers } = dechunked(exchange.body, exchange.headers);
    this.#condition(bucket, key, headers);
    return this.#save(bucket, key, body, headers, { checksums: verified(body, headers), etag: md5(body) });
  }

  async #save(
    bucket: Bucket,
    key: string,
    body: Uint8Array,
    headers: Readonly<Record<string, string>>,
    made: { readonly checksums: Checksums; readonly etag: string; readonly parts?: number },
  ): Promise<Reply> {
    const version: Version = {
      id: this.#store.newVersionId(bucket),
      file: await this.#store.writeBody(body),
      size: body.length,
      at: this.#now(),
      headers: kept(headers),
      storageClass: headers['x-amz-storage-class'] ?? 'STANDARD',
      ...made,
      ...retentionOf(bucket, headers, this.#now()),
      ...(headers['x-amz-tagging'] ? { tags: tagsXml(headers['x-amz-tagging']) } : {}),
    };
    await this.#store.put(bucket, key, version);
    return {
      status: 200,
      headers: { etag: `"${version.etag}"`, ...versionHeader(bucket, version), ...made.checksums },
    };
  }

  async #copy(bucket: Bucket, key: string, exchange: Exchange): Promise<Reply> {
    this.#condition(bucket, key, exchange.headers);
    const source = decodeURIComponent(exchange.headers['x-amz-copy-source']!).replace(/^\//, '');
    const [path, id] = source.split('?versionId=') as [string, string | undefined];
    const from = this.#store.bucket(path.slice(0, path.indexOf('/')));
    const version = this.#version(from, path.slice(path.indexOf('/') + 1), id);
    this.#mustBeReadable(version);
    const replace = exchange.headers['x-amz-metadata-directive'] === 'REPLACE';
    const body = await this.#store.readBody(version);
    const headers = {
      ...(replace ? {} : version.headers),
      ...kept(exchange.headers),
      ...lockHeaders(exchange.headers),
      'x-amz-storage-class': exchange.headers['x-amz-storage-class'] ?? 'STANDARD',
    };
    const reply = await this.#save(bucket, key, body, headers, { checksums: version.checksums, etag: md5(body) });
    return {
      ...xml(
        `<CopyObjectResult><ETag>${escapeXml(String(reply.headers?.etag))}</ETag><LastModified>${new Date(this.#now()).toISOString()}</LastModified></CopyObjectResult>`,
      ),
      headers: { ...reply.headers, 'content-type': 'application/xml' },
    };
  }

  #mustBeReadable(version: Version): void {
    if (version.storageClass !== 'GLACIER' && version.storageClass !== 'DEEP_ARCHIVE') return;
    const { restore } = version;
    if (restore && restore.readyAt <= this.#now() && restore.until > this.#now()) return;
    throw new AwsError(403, 'InvalidObjectState', "The operation is not valid for the object's storage class");
  }

  async #get(bucket: Bucket, key: string, { method, query, headers }: Exchange): Promise<Reply> {
    const version = this.#version(bucket, key, query.get('versionId') ?? undefined);
    if (headers['if-match'] !== undefined && headers['if-match'].replaceAll('"', '') !== version.etag)
      throw new AwsError(412, 'PreconditionFailed');
    if (headers['if-none-match']?.replaceAll('"', '') === version.etag) throw new AwsError(304, 'NotModified');
    const answer: Record<string, string | number> = {
      'content-type': 'binary/octet-stream',
      ...version.headers,
      etag: `"${version.etag}"`,
      'last-modified': new Date(version.at).toUTCString(),
      'accept-ranges': 'bytes',
      ...versionHeader(bucket, version),
      ...(version.storageClass === 'STANDARD' ? {} : { 'x-amz-storage-class': version.storageClass }),
      ...(version.retention
        ? {
            'x-amz-object-lock-mode': version.retention.mode,
            'x-amz-object-lock-retain-until-date': version.retention.until,
          }
        : {}),
      ...(version.legalHold ? { 'x-amz-object-lock-legal-hold': 'ON' } : {}),
      ...restoreHeader(version, this.#now()),
    };
    const range = rangeOf(headers.range, version.size);
    if (headers['x-amz-checksum-mode'] && !range)
      Object.assign(
        answer,
        version.checksums,
        Object.keys(version.checksums).length > 0 ? { 'x-amz-checksum-type': 'FULL_OBJECT' } : {},
      );
    if (method === 'HEAD') return { status: 200, headers: { ...answer, 'content-length': version.size } };
    this.#mustBeReadable(version);
    const reading = range
      ? this.#store.readRange(version, range.from, range.to - range.from + 1)
      : this.#store.readBody(version);
    const body = await reading.catch((error: NodeJS.ErrnoException) => {
      // Overwritten or removed while we looked: whoever asks again sees what is there now.
      if (error.code === 'ENOENT') throw new AwsError(503, 'SlowDown', 'Please try again.');
      throw error;
    });
    if (!range) return { status: 200, headers: answer, body };
    return {
      status: 206,
      headers: { ...answer, 'content-range': `bytes ${range.from}-${range.to}/${version.size}` },
      body,
    };
  }

  async #delete(bucket: Bucket, key: string, id: string | undefined, exchange: Exchange): Promise<Reply> {
    if (exchange.headers['if-match'] !== undefined) throw notImplemented('S3 DeleteObject with If-Match');
    if (id === undefined && bucket.versioning !== undefined) {
      const marker: Version = {
        id: this.#store.newVersionId(bucket),
        deleteMarker: true,
        size: 0,
        etag: '',
        at: this.#now(),
        headers: {},
        storageClass: 'STANDARD',
        checksums: {},
      };
      await this.#store.put(bucket, key, marker);
      return { status: 204, headers: { 'x-amz-delete-marker': 'true', 'x-amz-version-id': marker.id } };
    }
    const version = bucket.objects.get(key)?.find((one) => one.id === (id ?? 'null'));
    if (!version) return { status: 204 };
    if (!mayRemove(version, this.#now(), exchange))
      throw new AwsError(403, 'AccessDenied', 'Access Denied because object protected by object lock.');
    await this.#store.remove(bucket, key, version.id);
    return {
      status: 204,
      headers: {
        ...(id === undefined ? {} : { 'x-amz-version-id': id }),
        ...(version.deleteMarker ? { 'x-amz-delete-marker': 'true' } : {}),
      },
    };
  }

  #restore(bucket: Bucket, key: string, { body, query }: Exchange): Reply {
    const version = this.#version(bucket, key, query.get('versionId') ?? undefined);
    if (version.storageClass !== 'GLACIER' && version.storageClass !== 'DEEP_ARCHIVE')
      throw new AwsError(403, 'InvalidObjectState', "Restore is not allowed for the object's current storage class");
    const now = this.#now();
    if (version.restore && version.restore.readyAt > now)
      throw new AwsError(409, 'RestoreAlreadyInProgress', 'Object restore is already in progress');
    const again = version.restore !== undefined && version.restore.until > now;
    const readyAt = again ? version.restore!.readyAt : now + this.#restoreMs;
    version.restore = {
      readyAt,
      until: Math.max(now, readyAt) + Number(xmlText(body.toString(), 'Days') ?? 1) * 86_400_000,
    };
    this.#store.update(bucket, key, version);
    return { status: again ? 200 : 202 };
  }

  #startUpload(bucket: Bucket, key: string, { headers }: Exchange): Reply {
    const id = randomUUID();
    this.#uploads.set(id, { bucket: bucket.name, key, headers, parts: new Map() });
    return xml(
      `<InitiateMultipartUploadResult><Bucket>${escapeXml(bucket.name)}</Bucket><Key>${escapeXml(key)}</Key><UploadId>${id}</UploadId></InitiateMultipartUploadResult>`,
    );
  }

  #upload({ query }: Exchange): Upload {
    const upload = this.#uploads.get(query.get('uploadId') ?? '');
    if (!upload) throw new AwsError(404, 'NoSuchUpload', 'The specified multipart upload does not exist.');
    return upload;
  }

  #uploadPart(exchange: Exchange): Reply {
    const { body, headers } = dechunked(exchange.body, exchange.headers);
    const checksums = verified(body, headers);
    const etag = md5(body);
    this.#upload(exchange).parts.set(Number(exchange.query.get('partNumber')), { etag, body });
    return { status: 200, headers: { etag: `"${etag}"`, ...checksums } };
  }

  #listParts(exchange: Exchange): Reply {
    const parts = [...this.#upload(exchange).parts].sort(([a], [b]) => a - b);
    const shown = parts.map(
      ([number, { etag, body }]) =>
        `<Part><PartNumber>${number}</PartNumber><ETag>&quot;${etag}&quot;</ETag><Size>${body.length}</Size></Part>`,
    );
    return xml(`<ListPartsResult><IsTruncated>false</IsTruncated>${shown.join('')}</ListPartsResult>`);
  }

  async #finishUpload(bucket: Bucket, key: string, exchange: Exchange): Promise<Reply> {
    const upload = this.#upload(exchange);
    if (Object.keys(exchange.headers).some((name) => /^x-amz-checksum-(crc|sha)/.test(name)))
      throw notImplemented('S3 CompleteMultipartUpload with a checksum of the whole');
    this.#condition(bucket, key, exchange.headers);
    const parts = xmlBlocks(exchange.body.toString(), 'Part').map((block) => {
      const part = upload.parts.get(Number(xmlText(block, 'PartNumber')));
      if (!part || part.etag !== xmlText(block, 'ETag')?.replaceAll('"', ''))
        throw new AwsError(400, 'InvalidPart', 'One or more of the specified parts could not be found.');
      return part;
    });
    const numbers = xmlBlocks(exchange.body.toString(), 'PartNumber').map(Number);
    if (numbers.some((number, index) => index > 0 && number <= numbers[index - 1]!))
      throw new AwsError(400, 'InvalidPartOrder', 'The list of parts was not in ascending order.');
    if (parts.length === 0) throw new AwsError(400, 'MalformedXML', 'An upload has at least one part.');
    if (parts.slice(0, -1).some((part) => part.body.length < partBytesMin))
      throw new AwsError(
        400,
        'EntityTooSmall',
        'Your proposed upload is smaller than the minimum allowed object size.',
      );
    const body = Buffer.concat(parts.map((part) => part.body));
    const etag = `${md5(Buffer.concat(parts.map((part) => Buffer.from(part.etag, 'hex'))))}-${parts.length}`;
    const reply = await this.#save(bucket, key, body, upload.headers, { checksums: {}, etag, parts: parts.length });
    this.#uploads.delete(exchange.query.get('uploadId')!);
    return {
      ...xml(
        `<CompleteMultipartUploadResult><Bucket>${escapeXml(bucket.name)}</Bucket><Key>${escapeXml(key)}</Key><ETag>&quot;${etag}&quot;</ETag></CompleteMultipartUploadResult>`,
      ),
      headers: { ...reply.headers, 'content-type': 'application/xml' },
    };
  }
}

const xml = (body: string): Reply => ({
  status: 200,
  headers: { 'content-type': 'application/xml' },
  body: body.startsWith('<?xml') ? body : `<?xml version="1.0" encoding="UTF-8"?>\n${body}`,
});

const md5 = (body: Uint8Array): string => createHash('md5').update(body).digest('hex');

/** The headers that come back with the object. */
const kept = (headers: Readonly<Record<string, string>>): Record<string, string> =>
  Object.fromEntries(
    Object.entries(headers).filter(([name]) =>
      /^(content-type|content-encoding|content-disposition|content-language|cache-control|expires|x-amz-meta-.+|x-amz-server-side-encryption.*)$/.test(
        name,
      ),
    ),
  );

const versionHeader = (bucket: Bucket, version: Version) =>
  bucket.versioning ? { 'x-amz-version-id': version.id } : {};

function restoreHeader({ restore }: Version, now: number): Record<string, string> {
  if (!restore || restore.until <= now) return {};
  if (restore.readyAt > now) return { 'x-amz-restore': 'ongoing-request="true"' };
  return { 'x-amz-restore': `ongoing-request="false", expiry-date="${new Date(restore.until).toUTCString()}"` };
}

/** An RFC 9110 range of bytes; undefined for none, 416 for one beyond the end. */
function rangeOf(header: string | undefined, size: number): { readonly from: number; readonly to: number } | undefined {
  const match = /^bytes=(\d*)-(\d*)$/.exec(header ?? '');
  if (!match || (match[1] === '' && match[2] === '')) return undefined;
  const from = match[1] === '' ? Math.max(0, size - Number(match[2])) : Number(match[1]);
  const to = match[1] === '' || match[2] === '' ? size - 1 : Math.min(Number(match[2]), size - 1);
  if (from >= size || from > to) throw new AwsError(416, 'InvalidRange', 'The requested range is not satisfiable');
  return { from, to };
}

function lockConfiguration({ lock, defaultRetention }: Bucket): string {
  if (!lock) throw new AwsError(404, 'ObjectLockConfigurationNotFoundError');
  const rule = defaultRetention
    ? `<Rule><DefaultRetention><Mode>${defaultRetention.mode}</Mode><Days>${defaultRetention.days}</Days></DefaultRetention></Rule>`
    : '';
  return `<ObjectLockConfiguration><ObjectLockEnabled>Enabled</ObjectLockEnabled>${rule}</ObjectLockConfiguration>`;
}

const tagsXml = (header: string): string =>
  `<Tagging><TagSet>${[...new URLSearchParams(header)].map(([key, value]) => `<Tag><Key>${escapeXml(key)}</Key><Value>${escapeXml(value)}</Value></Tag>`).join('')}</TagSet></Tagging>`;
