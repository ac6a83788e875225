/** Glacier: what must be restored before it is read, and for how long the copy stays. */
import { AwsError, type Exchange, notImplemented, type Reply, xmlText } from './exchange.ts';
import type { Version } from './s3-store.ts';

/** Faster first. Each is here as many times slower than the first as it is on AWS: 12 and 48 hours. */
const slowness: Readonly<Record<string, number>> = { Expedited: 1, Standard: 1, Bulk: 4 };
const tiers = Object.keys(slowness);

/** Midnight UTC after so many days, which is how S3 counts them. */
export const dueAt = (since: number, days: number): number => Math.ceil((since + days * dayMs) / dayMs) * dayMs;
const dayMs = 86_400_000;

/** Whether its storage class must be restored from before it is read. */
export const isArchived = ({ storageClass }: Version): boolean =>
  storageClass === 'GLACIER' || storageClass === 'DEEP_ARCHIVE';

/** Refuses to read what is archived and has no copy at this time. */
export function mustBeReadable(version: Version, now: number): void {
  const { restore } = version;
  if (!isArchived(version) || (restore && restore.readyAt <= now && restore.until > now)) return;
  throw new AwsError(403, 'InvalidObjectState', "The operation is not valid for the object's storage class");
}

export function restoreHeader({ restore }: Version, now: number): Record<string, string> {
  if (!restore || restore.until <= now) return {};
  if (restore.readyAt > now) return { 'x-amz-restore': 'ongoing-request="true"' };
  return { 'x-amz-restore': `ongoing-request="false", expiry-date="${new Date(restore.until).toUTCString()}"` };
}

/** RestoreObject: 202 asks for a copy, 200 prolongs one that is there, 409 while one is under way at least as fast. */
export function restore(version: Version, { body }: Exchange, now: number, standardMs: number): Reply {
  if (!isArchived(version)) {
    throw new AwsError(403, 'InvalidObjectState', "Restore is not allowed for the object's current storage class");
  }
  const { days, tier } = requestOf(body.toString());
  if (tier === 'Expedited' && version.storageClass === 'DEEP_ARCHIVE') {
    throw new AwsError(400, 'InvalidArgument', 'Retrieval option is not supported by this storage class');
  }
  const before = version.restore;
  const ready = now + slowness[tier]! * standardMs;
  if (before && before.readyAt > now) {
    if (tiers.indexOf(tier) >= tiers.indexOf(before.tier)) {
      throw new AwsError(409, 'RestoreAlreadyInProgress', 'Object restore is already in progress');
    }
    version.restore = { ...before, tier, readyAt: Math.min(before.readyAt, ready) };
    return { status: 202 };
  }
  const isThere = before !== undefined && before.until > now;
  version.restore = { tier, readyAt: isThere ? before.readyAt : ready, until: dueAt(isThere ? now : ready, days) };
  return { status: isThere ? 200 : 202 };
}

const elements = /^(RestoreRequest|Days|GlacierJobParameters|Tier)$/;

function requestOf(text: string): { readonly days: number; readonly tier: string } {
  for (const [, name = ''] of text.matchAll(/<([A-Za-z]+)[\s>/]/g)) {
    if (!elements.test(name)) throw notImplemented(`S3 RestoreObject with ${name}`);
  }
  const days = xmlText(text, 'Days') ?? '';
  if (!/^[1-9]\d{0,5}$/.test(days)) {
    throw new AwsError(400, 'MalformedXML', 'The XML you provided was not well-formed or did not validate.');
  }
  const tier = xmlText(text, 'Tier') ?? 'Standard';
  if (!tiers.includes(tier)) throw new AwsError(400, 'MalformedXML', 'There is no such retrieval option.');
  return { days: Number(days), tier };
}
