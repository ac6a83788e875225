/** Object Lock: what may not be removed, and until when. */
import { AwsError, type Exchange } from './exchange.ts';
import type { Bucket, Retention, Version } from './s3-store.ts';

const dayMs = 86_400_000;

/** The lock that a new version gets, from its own headers or the bucket's default. */
export function retentionOf(
  bucket: Bucket,
  headers: Readonly<Record<string, string>>,
  now: number,
): Pick<Version, 'retention' | 'legalHold'> {
  const mode = headers['x-amz-object-lock-mode'] as Retention['mode'] | undefined;
  const until = headers['x-amz-object-lock-retain-until-date'];
  const hold = headers['x-amz-object-lock-legal-hold'];
  if ((mode || hold) && !bucket.lock)
    throw new AwsError(400, 'InvalidRequest', 'Bucket is missing Object Lock Configuration');
  if (mode && !until)
    throw new AwsError(
      400,
      'InvalidArgument',
      'x-amz-object-lock-retain-until-date and x-amz-object-lock-mode must both be supplied',
    );
  const { defaultRetention } = bucket;
  const retention =
    mode && until
      ? { mode, until }
      : bucket.lock && defaultRetention
        ? { mode: defaultRetention.mode, until: new Date(now + defaultRetention.days * dayMs).toISOString() }
        : undefined;
  return { ...(retention ? { retention } : {}), ...(hold === 'ON' ? { legalHold: true } : {}) };
}

export const lockHeaders = (headers: Readonly<Record<string, string>>): Record<string, string> =>
  Object.fromEntries(Object.entries(headers).filter(([name]) => name.startsWith('x-amz-object-lock-')));

/** False while a hold or a retention stands; governance gives way to whoever says so aloud, compliance to nobody. */
export function mayRemove(version: Version, now: number, { headers }: Exchange): boolean {
  if (version.legalHold) return false;
  if (!version.retention || Date.parse(version.retention.until) <= now) return true;
  return version.retention.mode === 'GOVERNANCE' && headers['x-amz-bypass-governance-retention'] === 'true';
}

export const retentionXml = ({ mode, until }: Retention): string =>
  `<Retention><Mode>${mode}</Mode><RetainUntilDate>${until}</RetainUntilDate></Retention>`;
