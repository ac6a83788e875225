/**
 * Athena: starts statements in one workgroup, which alone says where results go and how much may be scanned.
 *
 * Results are read as the CSV that Athena writes, by byte ranges: a page costs one read whatever its place, and a row is
 * one line, because stored events hold no line break.
 */
import {
  type AthenaClient,
  GetQueryExecutionCommand,
  StartQueryExecutionCommand,
  StopQueryExecutionCommand,
} from '@aws-sdk/client-athena';
import { GetObjectCommand, type S3Client } from '@aws-sdk/client-s3';
import type { ArchiveQueries, QueryRun, ResultLine } from '#core/query/athena-ports.ts';
import { type AthenaStatement, literalOf } from '#core/query/athena-sql.ts';
import { Missing } from '#core/record/ports.ts';
import { nameOf, reach } from '../aws/clients.ts';

const place = 'Athena';
/** The same question within it is answered from the results of the first. */
const reuseMinutes = 60;
const states = {
  QUEUED: 'queued',
  RUNNING: 'running',
  SUCCEEDED: 'succeeded',
  FAILED: 'failed',
  CANCELLED: 'cancelled',
} as const;

export class AthenaQueries implements ArchiveQueries {
  readonly #athena: AthenaClient;
  readonly #s3: S3Client;
  readonly #workGroup: string;
  readonly #database: string;

  constructor(athena: AthenaClient, s3: S3Client, at: { readonly workGroup: string; readonly database: string }) {
    this.#athena = athena;
    this.#s3 = s3;
    this.#workGroup = at.workGroup;
    this.#database = at.database;
  }

  async start(id: string, { text, parameters }: AthenaStatement, reuse: boolean): Promise<string> {
    const command = new StartQueryExecutionCommand({
      ClientRequestToken: id,
      QueryString: text,
      ExecutionParameters: parameters.map(literalOf),
      WorkGroup: this.#workGroup,
      QueryExecutionContext: { Database: this.#database },
      ...(reuse
        ? {
            ResultReuseConfiguration: {
              ResultReuseByAgeConfiguration: { Enabled: true, MaxAgeInMinutes: reuseMinutes },
            },
          }
        : {}),
    });
    const { QueryExecutionId } = await reach(place, () => this.#athena.send(command));
    return QueryExecutionId!;
  }

  async run(execution: string): Promise<QueryRun | undefined> {
    return reach(place, async () => {
      try {
        const { QueryExecution } = await this.#athena.send(
          new GetQueryExecutionCommand({ QueryExecutionId: execution }),
        );
        const { Status, Statistics, ResultConfiguration } = QueryExecution!;
        const reason = Status?.StateChangeReason;
        // Athena cancels what goes over the limit, as if somebody had.
        const tooLarge = Status?.State !== 'SUCCEEDED' && /bytes scanned limit/i.test(reason ?? '');
        return {
          state: tooLarge ? 'too_large' : states[Status!.State!],
          scannedBytes: Statistics?.DataScannedInBytes ?? 0,
          results: ResultConfiguration?.OutputLocation ?? '',
          ...(reason === undefined ? {} : { reason }),
        };
      } catch (error) {
        if (nameOf(error) === 'InvalidRequestException') return undefined;
        throw error;
      }
    });
  }

  async stop(execution: string): Promise<void> {
    await reach(place, () => this.#athena.send(new StopQueryExecutionCommand({ QueryExecutionId: execution })));
  }

  async lines(results: string, from: number, bytes: number): Promise<readonly ResultLine[]> {
    for (let length = bytes; ; length *= 4) {
      const { text, size } = await this.#range(results, from, length);
      const lines = wholeLines(text, from);
      if (lines.length > 0 || from + length >= size) return lines;
    }
  }

  async #range(
    results: string,
    from: number,
    length: number,
  ): Promise<{ readonly text: Buffer; readonly size: number }> {
    const [, Bucket, Key] = /^s3:\/\/([^/]+)\/(.+)$/.exec(results) ?? [];
    return reach(place, async () => {
      try {
        const Range = `bytes=${from}-${from + length - 1}`;
        const { Body, ContentRange } = await this.#s3.send(new GetObjectCommand({ Bucket, Key, Range }));
        const size = Number(/\/(\d+)$/.exec(ContentRange ?? '')?.[1]);
        return { text: Buffer.from((await Body?.transformToByteArray()) ?? []), size };
      } catch (error) {
        if (nameOf(error) === 'InvalidRange') return { text: Buffer.alloc(0), size: 0 };
        if (nameOf(error) === 'NoSuchKey') throw new Missing(results, { cause: error });
        throw error;
      }
    });
  }
}

const newline = 10;

/** The rows that end within the bytes: one quoted value each, its quotes doubled. The first of a file is the header. */
function wholeLines(bytes: Buffer, at: number): readonly ResultLine[] {
  const lines: ResultLine[] = [];
  let from = 0;
  for (let to = bytes.indexOf(newline); to >= 0; to = bytes.indexOf(newline, from)) {
    const row = bytes.toString('utf8', from, to);
    const isHeader = at + from === 0;
    from = to + 1;
    if (isHeader) continue;
    if (!row.startsWith('"') || !row.endsWith('"')) throw new Error('a row of results is not one quoted value');
    lines.push({ line: row.slice(1, -1).replaceAll('""', '"'), end: at + from });
  }
  return lines;
}
