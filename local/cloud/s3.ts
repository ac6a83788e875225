/**
 * S3 over REST, path style, with what audit logs lean on enforced: conditional writes, checksums, versions, Object
 * Lock and Glacier states. A sub-resource or a header we do not know is refused, never ignored.
 */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { StoredObject } from './athena-engine.ts';
import { verified } from './checksums.ts';
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
import { isArchived, restore } from './s3-glacier.ts';
import { applyLifecycle, type LifecyclePass, minimumSizes, rulesOf } from './s3-lifecycle.ts';
import { listObjects, listVersions } from './s3-list.ts';
import { requireLock, retentionXml, setRetention } from './s3-lock.ts';
import { S3Objects } from './s3-objects.ts';
import { addressOf, operationOf, refuseUnknown } from './s3-operations.ts';
import { refuseBroken } from './s3-presigned.ts';
import { checkedTags, xml } from './s3-reply.ts';
import { type Bucket, S3Store } from './s3-store.ts';
import { S3Uploads } from './s3-uploads.ts';

/** S3's own limit on a key. */
const keyBytesMax = 1024;
const keysPerDelete = 1000;
/** A bucket is named like a host, and so never like a path. */
const bucketName = /^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/;

export interface S3Options {
  readonly folder: string;
  readonly fsync: boolean;
  /** Whose buckets these are. */
  readonly account: string;
  readonly now: () => number;
  /** How long a Standard restore from Glacier takes here; Bulk takes four times as long. */
  readonly glacierRestoreMs: number;
}

export class S3 implements Service {
  readonly name = 's3';
  readonly #folder: string;
  readonly #store: S3Store;
  readonly #now: () => number;
  readonly #account: string;
  readonly #objects: S3Objects;
  readonly #uploads: S3Uploads;
  readonly #restoreMs: number;

  constructor(options: S3Options) {
    mkdirSync(options.folder, { recursive: true });
    this.#folder = options.folder;
    this.#store = new S3Store(options.folder, options.fsync);
    this.#now = options.now;
    this.#account = options.account;
    this.#objects = new S3Objects(this.#store, options.now);
    this.#restoreMs = options.glacierRestoreMs;
    this.#uploads = new S3Uploads(this.#objects);
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
    refuseBroken(exchange, this.#now());
    const { bucket, key } = addressOf(exchange.rawPath);
    if (Buffer.byteLength(key) > keyBytesMax) throw new AwsError(400, 'KeyTooLongError', 'Your key is too long');
    const owner = exchange.headers['x-amz-expected-bucket-owner'];
    if (owner !== undefined && owner !== this.#account) throw new AwsError(403, 'AccessDenied', 'Access Denied');
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

  /** Objects below a prefix with their plain files, for an engine that reads in place. A bucket that is not there has none. */
  objectsIn(bucketName: string, prefix: string): StoredObject[] {
    const bucket = this.#store.buckets.get(bucketName);
    if (!bucket) return [];
    return this.#store.keys(bucket).flatMap((key) => {
      const version = key.startsWith(prefix) ? this.#store.current(bucket, key) : undefined;
      if (!version) return [];
      const { restore: copy, size } = version;
      const now = this.#now();
      const restored = copy !== undefined && copy.readyAt <= now && copy.until > now;
      const path = join(this.#folder, bucketName, key);
      return [{ key, path, bytes: size, archived: isArchived(version), restored }];
    });
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
        return this.#putLifecycle(bucket, exchange);
      case 'GetBucketLifecycleConfiguration':
        if (!bucket.lifecycle) throw new AwsError(404, 'NoSuchLifecycleConfiguration');
        return lifecycleReply(bucket, xml(bucket.lifecycle));
      case 'DeleteBucketLifecycle':
        this.#store.saveBucket({ ...bucket, lifecycle: '' });
        return { status: 204 };
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

  #putLifecycle(bucket: Bucket, { headers, body }: Exchange): Reply {
    verified(body, headers);
    const lifecycle = body.toString();
    rulesOf(lifecycle);
    const lifecycleMinimum = headers[minimumHeader] ?? minimumSizes[0];
    if (!minimumSizes.some((size) => size === lifecycleMinimum)) {
      throw new AwsError(400, 'InvalidArgument', `There is no ${minimumHeader} ${lifecycleMinimum}.`);
    }
    this.#store.saveBucket({ ...bucket, lifecycle, lifecycleMinimum });
    return lifecycleReply(bucket, { status: 200 });
  }

  /** Applies the lifecycle rules once, as S3 does every day. */
  applyLifecycle = (): Promise<LifecyclePass> => applyLifecycle(this.#store, this.#objects, this.#now);

  /**
   * Makes everything that is stored so many days older, as if they had passed, and applies the lifecycle rules. The clock stays:
   * restores finish and copies end, locks run out, and what is written afterwards is of today.
   */
  async age(days: number): Promise<LifecyclePass> {
    this.#store.age(days * 86_400_000);
    return this.applyLifecycle();
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
        const { headers = {} } = await this.#objects.inTurn(bucket, key, () =>
          this.#objects.delete(bucket, key, id, exchange),
        );
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
        return this.#objects.inTurn(bucket, key, () => this.#objects.put(bucket, key, exchange));
      case 'CopyObject':
        return this.#objects.inTurn(bucket, key, () => this.#objects.copy(bucket, key, exchange));
      case 'GetObject':
      case 'HeadObject':
        return this.#objects.get(bucket, key, exchange);
      case 'DeleteObject':
        return this.#objects.inTurn(bucket, key, () =>
          this.#objects.delete(bucket, key, query.get('versionId') ?? undefined, exchange),
        );
      case 'CreateMultipartUpload':
        return this.#uploads.start(bucket, key, exchange);
      case 'UploadPart':
        return this.#uploads.part(bucket, key, exchange);
      case 'CompleteMultipartUpload':
        return this.#objects.inTurn(bucket, key, () => this.#uploads.finish(bucket, key, exchange));
      case 'ListParts':
        return this.#uploads.list(bucket, key, exchange);
      case 'AbortMultipartUpload':
        return this.#uploads.abort(bucket, key, exchange);
      case 'RestoreObject':
        return this.#objects.inTurn(bucket, key, async () => {
          const version = this.#objects.version(bucket, key, query.get('versionId') ?? undefined);
          const reply = restore(version, exchange, this.#now(), this.#restoreMs);
          this.#store.update(bucket, key, version);
          return reply;
        });
      default:
        return this.#onProperty(bucket, key, operation, exchange);
    }
  }

  /** Tags, retention and legal hold: properties of a version, never its body. */
  #onProperty(bucket: Bucket, key: string, operation: string, exchange: Exchange): Reply {
    const version = this.#objects.version(bucket, key, exchange.query.get('versionId') ?? undefined);
    const text = exchange.body.toString();
    switch (operation) {
      case 'PutObjectTagging':
        version.tags = checkedTags(text);
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
}

const minimumHeader = 'x-amz-transition-default-minimum-object-size';

const lifecycleReply = ({ lifecycleMinimum = '' }: Bucket, reply: Reply): Reply => ({
  ...reply,
  headers: { ...reply.headers, [minimumHeader]: lifecycleMinimum },
});

function lockConfiguration({ lock, defaultRetention }: Bucket): string {
  if (!lock) throw new AwsError(404, 'ObjectLockConfigurationNotFoundError');
  const rule = defaultRetention
    ? `<Rule><DefaultRetention><Mode>${defaultRetention.mode}</Mode><Days>${defaultRetention.days}</Days></DefaultRetention></Rule>`
    : '';
  return `<ObjectLockConfiguration><ObjectLockEnabled>Enabled</ObjectLockEnabled>${rule}</ObjectLockConfiguration>`;
}
