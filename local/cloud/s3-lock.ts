/** Object Lock: what may not be removed, and until when. */
import { AwsError, type Exchange, xmlText } from './exchange.ts';
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
  if (mode || until || hold) requireLock(bucket);
  if ((mode === undefined) !== (until === undefined))
    throw new AwsError(
      400,
      'InvalidArgument',
      'x-amz-object-lock-retain-until-date and x-amz-object-lock-mode must both be supplied',
    );
  if (mode && until) check({ mode, until }, now);
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

export function requireLock(bucket: Bucket): void {
  if (!bucket.lock) throw new AwsError(400, 'InvalidRequest', 'Bucket is missing Object Lock Configuration');
}

function check({ mode, until }: Retention, now: number): void {
  if (mode !== 'GOVERNANCE' && mode !== 'COMPLIANCE') {
    throw new AwsError(400, 'InvalidArgument', 'Unknown wormMode directive.');
  }
  if (!(Date.parse(until) > now)) {
    throw new AwsError(400, 'InvalidArgument', 'The retain until date must be in the future!');
  }
}

/**
 * PutObjectRetention. A retention that stands may be made longer by anybody; a weaker mode, an earlier end or none
 * is for who may bypass governance, and in compliance mode for nobody.
 */
export function setRetention(version: Version, text: string, now: number, exchange: Exchange): void {
  const mode = xmlText(text, 'Mode') as Retention['mode'] | undefined;
  const until = xmlText(text, 'RetainUntilDate');
  const before = version.retention;
  const stands = before !== undefined && Date.parse(before.until) > now;
  const longer = until !== undefined && before !== undefined && Date.parse(until) >= Date.parse(before.until);
  const asStrong = mode === 'COMPLIANCE' || mode === before?.mode;
  if (stands && !(longer && asStrong) && !mayRemove({ ...version, legalHold: false }, now, exchange)) {
    throw new AwsError(403, 'AccessDenied', 'Access Denied because object protected by object lock.');
  }
  if (mode === undefined && until === undefined) {
    delete version.retention;
    return;
  }
  if (mode === undefined || until === undefined) throw new AwsError(400, 'MalformedXML', 'Mode or date is missing.');
  check({ mode, until }, now);
  version.retention = { mode, until };
}

/** False while a hold or a retention stands; governance gives way to whoever says so aloud, compliance to nobody. */
export function mayRemove(version: Version, now: number, { headers }: Pick<Exchange, 'headers'>): boolean {
  if (version.legalHold) return false;
  if (!version.retention || Date.parse(version.retention.until) <= now) return true;
  return version.retention.mode === 'GOVERNANCE' && headers['x-amz-bypass-governance-retention'] === 'true';
}

export const retentionXml = ({ mode, until }: Retention): string =>
  `<Retention><Mode>${mode}</Mode><RetainUntilDate>${until}</RetainUntilDate></Retention>`;
