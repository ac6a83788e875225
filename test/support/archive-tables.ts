/** The tables of lib/parts/event-tables.ts on a local cloud, and files for them as compaction names them. */
import { createHash } from 'node:crypto';
import type { S3Client } from '@aws-sdk/client-s3';
import type { Span } from '#core/archive/file.ts';
import { type ArchiveLine, compareLines } from '#core/archive/merge.ts';
import { cutBlocks } from '#core/archive/plan.ts';
import type { Event } from '#core/event/event.ts';
import { eventTables } from '#lib/parts/event-tables.ts';
import { provisionAthena } from '#local/provision-athena.ts';
import { S3ArchiveObjects } from '#stores/s3/archive-objects.ts';

export const database = 'trailkeep_test';
export const workGroup = 'trailkeep-test';

/** CloudFormation's property names are the construct's, capitalised; maps of our own names stay. */
function capitalised(value: unknown, name = ''): unknown {
  if (Array.isArray(value)) return value.map((one) => capitalised(one));
  if (typeof value !== 'object' || value === null || name === 'parameters') return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, one]) => [key[0]!.toUpperCase() + key.slice(1), capitalised(one, key)]),
  );
}

/** Makes the database, its tables over `archive` and a workgroup whose results go to `results`. */
export const makeTables = (
  endpoint: string,
  buckets: { readonly archive: string; readonly results: string },
  cutoffBytes = 1024 ** 3,
): Promise<void> =>
  provisionAthena(endpoint, {
    databases: [database],
    tables: eventTables(buckets.archive).map((table) => ({ database, input: capitalised(table) as object })),
    workGroups: [
      {
        name: workGroup,
        configuration: {
          EnforceWorkGroupConfiguration: true,
          BytesScannedCutoffPerQuery: cutoffBytes,
          ResultConfiguration: { OutputLocation: `s3://${buckets.results}/athena/results/` },
        },
      },
    ],
  });

let made = 0;

/** Writes events of one tenant, category and day as one file, as compaction does; returns its key. */
export async function putFile(
  s3: S3Client,
  bucket: string,
  events: readonly Event[],
  span: Span = 'day',
): Promise<string> {
  const [first] = events;
  if (!first) throw new Error('a file holds at least one event');
  const lines = events.map((event): ArchiveLine => {
    const text = JSON.stringify(event);
    const digest = new Uint8Array(createHash('sha256').update(text).digest());
    return { text, event, time: Date.parse(event.occurred_at), leaf: undefined, digest };
  });
  const { file } = await new S3ArchiveObjects(s3, bucket).write(
    {
      id: `01890000-0000-7000-8000-${String(++made).padStart(12, '0')}`,
      tenant: first.tenant,
      tier: first.category === 'critical' ? 'critical' : 'bulk',
      category: first.category,
      span,
      day: span === 'day' ? first.occurred_at.slice(0, 10) : `${first.occurred_at.slice(0, 7)}-01`,
      ladder: 'standard',
      writtenAt: new Date(0),
    },
    cutBlocks([lines.toSorted(compareLines)]),
  );
  return file.key;
}
