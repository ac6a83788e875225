/** Objects of S3: written on conditions, read in ranges, copied and removed, version by version. */
import { type Checksums, dechunked, verified } from './checksums.ts';
import { AwsError, type Exchange, escapeXml, notImplemented, type Reply } from './exchange.ts';
import { mustBeReadable, restoreHeader } from './s3-glacier.ts';
import { lockHeaders, mayRemove, retentionOf } from './s3-lock.ts';
import { kept, md5, rangeOf, tagsOf, tagsXml, versionHeader, xml } from './s3-reply.ts';
import type { Bucket, S3Store, Version } from './s3-store.ts';

export class S3Objects {
  readonly #store: S3Store;
  readonly #now: () => number;
  /** Writes to one key take turns, so that conditions are judged and kept together. */
  readonly #turns = new Map<string, Promise<unknown>>();

  constructor(store: S3Store, now: () => number) {
    this.#store = store;
    this.#now = now;
  }

  /** Runs after every earlier write to the key. */
  inTurn<T>(bucket: Bucket, key: string, work: () => Promise<T>): Promise<T> {
    const name = `${bucket.name}/${key}`;
    const mine = (this.#turns.get(name) ?? Promise.resolve()).then(work, work);
    this.#turns.set(name, mine);
    const done = () => {
      if (this.#turns.get(name) === mine) this.#turns.delete(name);
    };
    mine.then(done, done);
    return mine;
  }

  /** A version by its id, or the newest; refused when there is none, or only the mark of a removal. */
  version(bucket: Bucket, key: string, id: string | undefined): Version {
    const version =
      id === undefined ? this.#store.current(bucket, key) : bucket.objects.get(key)?.find((one) => one.id === id);
    if (!version)
      throw new AwsError(404, id === undefined ? 'NoSuchKey' : 'NoSuchVersion', 'The specified key does not exist.');
    if (version.deleteMarker)
      throw new AwsError(405, 'MethodNotAllowed', 'The specified method is not allowed against this resource.');
    return version;
  }

  /** Refuses a write whose If-Match or If-None-Match does not hold. */
  condition(bucket: Bucket, key: string, headers: Readonly<Record<string, string>>): void {
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

  async put(bucket: Bucket, key: string, exchange: Exchange): Promise<Reply> {
    const { body, headers } = dechunked(exchange.body, exchange.headers);
    this.condition(bucket, key, headers);
    return this.save(bucket, key, body, headers, { checksums: verified(body, headers), etag: md5(body) });
  }

  /** Makes a body the newest version of its key, with what its headers say about it. */
  async save(
    bucket: Bucket,
    key: string,
    body: Uint8Array,
    headers: Readonly<Record<string, string>>,
    made: Pick<Version, 'etag' | 'parts' | 'tags'> & { readonly checksums: Checksums },
  ): Promise<Reply> {
    const version: Version = {
      id: this.#store.newVersionId(bucket),
      file: await this.#store.writeBody(body),
      size: body.length,
      at: this.#now(),
      headers: kept(headers),
      storageClass: headers['x-amz-storage-class'] ?? 'STANDARD',
      ...(headers['x-amz-tagging'] ? { tags: tagsXml(headers['x-amz-tagging']) } : {}),
      ...made,
      ...retentionOf(bucket, headers, this.#now()),
    };
    await this.#store.put(bucket, key, version);
    return {
      status: 200,
      headers: { etag: `"${version.etag}"`, ...versionHeader(bucket, version), ...made.checksums },
    };
  }

  /**
   * Metadata and tags go with a copy, and what the request says about them is ignored, unless its directive is
   * REPLACE. Storage class, encryption and lock are never those of the source.
   */
  async copy(bucket: Bucket, key: string, exchange: Exchange): Promise<Reply> {
    const asked = exchange.headers;
    this.condition(bucket, key, asked);
    const source = copySourceOf(asked['x-amz-copy-source']!);
    const from = this.#store.bucket(source.bucket);
    const version = this.version(from, source.key, source.versionId);
    mustBeReadable(version, this.#now());
    const newMetadata = replaces(asked, 'x-amz-metadata-directive');
    const newTags = replaces(asked, 'x-amz-tagging-directive');
    const { 'x-amz-tagging': tagging = '', 'x-amz-storage-class': storageClass = 'STANDARD' } = asked;
    const isItself = from === bucket && source.key === key && source.versionId === undefined;
    const moves = asked['x-amz-storage-class'] !== undefined && storageClass !== version.storageClass;
    if (isItself && !newMetadata && !moves && !Object.keys(asked).some(isEncryption)) {
      throw new AwsError(
        400,
        'InvalidRequest',
        "This copy request is illegal because it is trying to copy an object to itself without changing the object's metadata, storage class, website redirect location or encryption attributes.",
      );
    }
    const body = await this.#store.readBody(version);
    const metadata = only(newMetadata ? kept(asked) : version.headers, (name) => !isEncryption(name));
    const headers = {
      ...metadata,
      ...only(asked, isEncryption),
      ...lockHeaders(asked),
      'x-amz-storage-class': storageClass,
    };
    const tags = newTags ? tagging && tagsXml(tagging) : version.tags;
    const reply = await this.save(bucket, key, body, headers, {
      checksums: version.checksums,
      etag: md5(body),
      ...(tags ? { tags } : {}),
    });
    return {
      ...xml(
        `<CopyObjectResult><ETag>${escapeXml(String(reply.headers?.etag))}</ETag><LastModified>${new Date(this.#now()).toISOString()}</LastModified></CopyObjectResult>`,
      ),
      headers: { ...reply.headers, 'content-type': 'application/xml' },
    };
  }

  async get(bucket: Bucket, key: string, { method, query, headers }: Exchange): Promise<Reply> {
    const version = this.version(bucket, key, query.get('versionId') ?? undefined);
    if (headers['if-match'] !== undefined && headers['if-match'].replaceAll('"', '') !== version.etag)
      throw new AwsError(412, 'PreconditionFailed');
    if (headers['if-none-match']?.replaceAll('"', '') === version.etag) throw new AwsError(304, 'NotModified');
    const answer: Record<string, string | number> = {
      'content-type': 'binary/octet-stream',
      ...version.headers,
      etag: `"${version.etag}"`,
      'last-modified': new Date(version.at).toUTCString(),
      'accept-ranges': 'bytes',
      ...(query.has('response-content-disposition')
        ? { 'content-disposition': query.get('response-content-disposition')! }
        : {}),
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
    const tags = tagsOf(version).size;
    if (tags > 0 && method === 'GET') answer['x-amz-tagging-count'] = tags;
    const range = rangeOf(headers.range, version.size);
    if (headers['x-amz-checksum-mode'] && !range)
      Object.assign(
        answer,
        version.checksums,
        Object.keys(version.checksums).length > 0 ? { 'x-amz-checksum-type': 'FULL_OBJECT' } : {},
      );
    if (method === 'HEAD') return { status: 200, headers: { ...answer, 'content-length': version.size } };
    mustBeReadable(version, this.#now());
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

  async delete(bucket: Bucket, key: string, id: string | undefined, exchange: Exchange): Promise<Reply> {
    if (exchange.headers['if-match'] !== undefined) throw notImplemented('S3 DeleteObject with If-Match');
    if (id === undefined && bucket.versioning !== undefined) {
      const marker = await this.#cover(bucket, key);
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

  /** What a lifecycle rule does to an object that is over: its newest version is covered, or gone. */
  async removeNewest(bucket: Bucket, key: string): Promise<void> {
    if (bucket.versioning === undefined) await this.#store.remove(bucket, key, 'null');
    else await this.#cover(bucket, key);
  }

  async #cover(bucket: Bucket, key: string): Promise<Version> {
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
    return marker;
  }
}

const isEncryption = (name: string): boolean => name.startsWith('x-amz-server-side-encryption');

const only = (headers: Readonly<Record<string, string>>, wanted: (name: string) => boolean): Record<string, string> =>
  Object.fromEntries(Object.entries(headers).filter(([name]) => wanted(name)));

/** `bucket/key?versionId=…`, cut before it is decoded: a key may hold a question mark. */
function copySourceOf(header: string): {
  readonly bucket: string;
  readonly key: string;
  readonly versionId: string | undefined;
} {
  const [path, versionId] = header.split('?versionId=') as [string, string | undefined];
  const [bucket = '', ...key] = decodeURIComponent(path).replace(/^\//, '').split('/');
  return { bucket, key: key.join('/'), versionId };
}

/** Whether a directive of a copy says REPLACE. */
function replaces(headers: Readonly<Record<string, string>>, directive: string): boolean {
  const value = headers[directive] ?? 'COPY';
  if (value === 'COPY' || value === 'REPLACE') return value === 'REPLACE';
  throw new AwsError(400, 'InvalidArgument', `Unknown ${directive.slice('x-amz-'.length).replace('-', ' ')}.`);
}
