/** Uploads in parts, which become one object when they are complete. */
import { randomUUID } from 'node:crypto';
import { dechunked, verified } from './checksums.ts';
import { AwsError, type Exchange, escapeXml, notImplemented, type Reply, xmlBlocks, xmlText } from './exchange.ts';
import type { S3Objects } from './s3-objects.ts';
import { md5, xml } from './s3-reply.ts';
import type { Bucket } from './s3-store.ts';

const partNumberMax = 10_000;
const partBytesMin = 5 * 1024 * 1024;

interface Upload {
  readonly bucket: string;
  readonly key: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly parts: Map<number, { readonly etag: string; readonly body: Buffer }>;
}

export class S3Uploads {
  readonly #objects: S3Objects;
  /** Those that are not finished; a restart forgets them, as S3's lifecycle rule would. */
  readonly #uploads = new Map<string, Upload>();

  constructor(objects: S3Objects) {
    this.#objects = objects;
  }

  start(bucket: Bucket, key: string, { headers }: Exchange): Reply {
    const id = randomUUID();
    this.#uploads.set(id, { bucket: bucket.name, key, headers, parts: new Map() });
    return xml(
      `<InitiateMultipartUploadResult><Bucket>${escapeXml(bucket.name)}</Bucket><Key>${escapeXml(key)}</Key><UploadId>${id}</UploadId></InitiateMultipartUploadResult>`,
    );
  }

  /** An upload belongs to its key: with any other it is none. */
  #upload(bucket: Bucket, key: string, { query }: Exchange): Upload {
    const upload = this.#uploads.get(query.get('uploadId') ?? '');
    if (upload?.bucket !== bucket.name || upload.key !== key)
      throw new AwsError(404, 'NoSuchUpload', 'The specified multipart upload does not exist.');
    return upload;
  }

  part(bucket: Bucket, key: string, exchange: Exchange): Reply {
    const upload = this.#upload(bucket, key, exchange);
    const number = Number(exchange.query.get('partNumber'));
    if (!(Number.isInteger(number) && number >= 1 && number <= partNumberMax))
      throw new AwsError(400, 'InvalidArgument', `A part number is between 1 and ${partNumberMax}.`);
    const { body, headers } = dechunked(exchange.body, exchange.headers);
    const checksums = verified(body, headers);
    const etag = md5(body);
    upload.parts.set(number, { etag, body });
    return { status: 200, headers: { etag: `"${etag}"`, ...checksums } };
  }

  list(bucket: Bucket, key: string, exchange: Exchange): Reply {
    const parts = [...this.#upload(bucket, key, exchange).parts].sort(([a], [b]) => a - b);
    const shown = parts.map(
      ([number, { etag, body }]) =>
        `<Part><PartNumber>${number}</PartNumber><ETag>&quot;${etag}&quot;</ETag><Size>${body.length}</Size></Part>`,
    );
    return xml(`<ListPartsResult><IsTruncated>false</IsTruncated>${shown.join('')}</ListPartsResult>`);
  }

  async finish(bucket: Bucket, key: string, exchange: Exchange): Promise<Reply> {
    const upload = this.#upload(bucket, key, exchange);
    if (Object.keys(exchange.headers).some((name) => /^x-amz-checksum-(crc|sha)/.test(name)))
      throw notImplemented('S3 CompleteMultipartUpload with a checksum of the whole');
    this.#objects.condition(bucket, key, exchange.headers);
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
    const reply = await this.#objects.save(bucket, key, body, upload.headers, {
      checksums: {},
      etag,
      parts: parts.length,
    });
    this.#uploads.delete(exchange.query.get('uploadId')!);
    return {
      ...xml(
        `<CompleteMultipartUploadResult><Bucket>${escapeXml(bucket.name)}</Bucket><Key>${escapeXml(key)}</Key><ETag>&quot;${etag}&quot;</ETag></CompleteMultipartUploadResult>`,
      ),
      headers: { ...reply.headers, 'content-type': 'application/xml' },
    };
  }

  abort(bucket: Bucket, key: string, exchange: Exchange): Reply {
    this.#upload(bucket, key, exchange);
    this.#uploads.delete(exchange.query.get('uploadId')!);
    return { status: 204 };
  }
}
