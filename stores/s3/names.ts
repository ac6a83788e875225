/**
 * Names that go into an object's key. A name that does not have its shape never reaches S3, so no caller can
 * climb out of a folder or make two names mean one object.
 */
const uuid = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;
const keyId = /^[a-z0-9]{20}$/;
const queueName = /^[A-Za-z0-9_-]{1,80}$/;

export const isTenantName = (name: string): boolean => uuid.test(name);
export const isKeyName = (name: string): boolean => keyId.test(name);
export const isQueueName = (name: string): boolean => queueName.test(name);

/** `segments/v1/dt=YYYY-MM-DD/hh=HH/<uuid>.jsonl.gz` */
const segment = /^segments\/v1\/dt=\d{4}-\d{2}-\d{2}\/hh=\d{2}\/[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\.jsonl\.gz$/;
export const isSegmentKey = (key: string): boolean => segment.test(key);

/** `audit-logs/dt=2026-03-01/tenant=<uuid>/category=<word>/<tier>-<uuid>.jsonl.gz`, or of a month. */
const archive =
  /^audit-logs(\/dt=\d{4}-\d{2}-\d{2}|-monthly\/month=\d{4}-\d{2})\/tenant=[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\/category=[a-z_]+\/(critical|bulk)-[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\.jsonl\.gz$/;
export const isArchiveKey = (key: string): boolean => archive.test(key);

/** The name, or a TypeError: a writer with a wrong name is a bug of ours, not a caller's fault. */
export function checked(name: string, hasShape: (name: string) => boolean): string {
  if (!hasShape(name)) throw new TypeError(`${JSON.stringify(name)} cannot be part of an object's key`);
  return name;
}
