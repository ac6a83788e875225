/**
 * CloudTrail records as events (AWS CloudTrail User Guide, "CloudTrail record contents", event version 1.11).
 *
 * `aws.<service>.<EventName>` by the identity that called, on the resources that the record names. What AWS
 * sent along is kept as metadata as far as an event may be large, and `metadata.truncated` says when it is not all.
 */
import type { Context, EventInput, Json, JsonObject, Party, Target } from '../../event/event.ts';
import { fail, ok } from '../../event/problem.ts';
import { type Budget, bounded, clip, isIp, type Recognised } from './format.ts';

/** An event may have 512 keys; the rest of the event takes less than 100. */
const metadataKeysMax = 400;
/** A character takes up to 4 bytes and JSON escapes double some: 48 Ki of them stay below an event's 256 KiB. */
const metadataCharsMax = 48 * 1024;
const metadataDepthMax = 24;
const targetsMax = 100;

/** The event of one CloudTrail record (one element of `Records`). */
export function fromCloudTrail(record: Json): Recognised {
  if (!isObject(record)) return 'unrecognised';
  const { eventSource, eventName, eventTime } = record;
  if (typeof eventSource !== 'string' || typeof eventName !== 'string') return 'unrecognised';
  if (typeof eventTime !== 'string') return fail('event_time_invalid', 'The record has no eventTime.', '/eventTime');
  const service = wordOf(eventSource.replace(/\.amazonaws\.com(\.cn)?$/, '').replace(/\.aws\.internal$/, ''));
  const eventId = textOf(record.eventID);
  const agent = textOf(record.userAgent);
  const place = textOf(record.awsRegion);
  const requestId = textOf(record.requestID);
  const source = textOf(record.sourceIPAddress);
  const context: Context = {
    ...(source === undefined ? {} : isIp(source) ? { ip: source } : { service: clip(source, 1024) }),
    ...(agent === undefined ? {} : { user_agent: clip(agent, 2048) }),
    ...(place === undefined ? {} : { location: clip(place, 1024) }),
    ...(requestId === undefined ? {} : { request_id: clip(requestId, 1024) }),
  };
  const targets = targetsOf(record);
  return ok({
    action: clip(`aws.${service}.${wordOf(eventName)}`, 128),
    occurred_at: eventTime,
    actor: actorOf(isObject(record.userIdentity) ? record.userIdentity : {}),
    outcome: outcomeOf(record),
    ...(record.readOnly === true ? { crud: 'r' as const } : {}),
    ...(targets.length === 0 ? {} : { targets }),
    ...(Object.keys(context).length === 0 ? {} : { context }),
    ...(eventId === undefined ? {} : { external_id: clip(eventId, 128), idempotency_key: clip(eventId, 128) }),
    metadata: metadataOf(record),
  });
}

const isObject = (value: Json | undefined): value is JsonObject =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
const textOf = (value: Json | undefined): string | undefined =>
  typeof value === 'string' && value !== '' ? value : undefined;
/** A word of an action: what stands between two dots. */
const wordOf = (text: string): string => text.replace(/[^A-Za-z0-9_-]+/g, '_') || 'unknown';

function actorOf(identity: JsonObject): Party {
  const context = isObject(identity.sessionContext) ? identity.sessionContext : {};
  const issuer = isObject(context.sessionIssuer) ? context.sessionIssuer : {};
  const invokedBy = textOf(identity.invokedBy);
  const id = textOf(identity.arn) ?? textOf(identity.principalId) ?? invokedBy ?? 'unknown';
  const name = textOf(identity.userName) ?? textOf(issuer.userName);
  const extra = {
    ...pick(identity, ['accountId', 'accessKeyId', 'invokedBy', 'identityProvider']),
    ...(textOf(issuer.arn) === undefined ? {} : { role: clip(textOf(issuer.arn)!, 1024) }),
    ...(isObject(context.attributes) ? pick(context.attributes, ['mfaAuthenticated']) : {}),
  };
  return {
    // A record without a type is written by a service in its own name.
    type: clip(textOf(identity.type)?.toLowerCase() ?? (invokedBy ? 'awsservice' : 'unknown'), 128),
    id: clip(id, 1024),
    ...(name === undefined ? {} : { name: clip(name, 1024) }),
    ...(Object.keys(extra).length === 0 ? {} : { metadata: extra }),
  };
}

const pick = (from: JsonObject, names: readonly string[]): JsonObject =>
  Object.fromEntries(
    names.flatMap((name) => (textOf(from[name]) === undefined ? [] : [[name, clip(textOf(from[name])!, 1024)]])),
  );

function outcomeOf(record: JsonObject): NonNullable<EventInput['outcome']> {
  const code = textOf(record.errorCode);
  const message = textOf(record.errorMessage);
  // A failed console log-in has an errorMessage and its result in responseElements, and no errorCode.
  const response = isObject(record.responseElements) ? record.responseElements : {};
  const failedLogin = record.eventName === 'ConsoleLogin' && response.ConsoleLogin === 'Failure';
  if (code === undefined && !failedLogin) return { result: 'success' };
  const reason = clip([code, message].filter((part) => part !== undefined).join(': '), 4096);
  return {
    result: code !== undefined && /(^|\.)(AccessDenied|Unauthorized)/.test(code) ? 'denied' : 'failure',
    ...(reason === '' ? {} : { reason }),
  };
}

/** Parameters that name what was acted on, and what kind of thing it is. */
const targetParameters: Readonly<Record<string, string>> = {
  bucketName: 'bucket',
  roleName: 'role',
  roleArn: 'role',
  userName: 'user',
  groupName: 'group',
  groupId: 'security_group',
  policyArn: 'policy',
  policyName: 'policy',
  accessKeyId: 'access_key',
  instanceProfileName: 'instance_profile',
  instanceId: 'instance',
  volumeId: 'volume',
  snapshotId: 'snapshot',
  imageId: 'image',
  functionName: 'function',
  secretId: 'secret',
  keyId: 'key',
  trailName: 'trail',
  tableName: 'table',
  queueUrl: 'queue',
  topicArn: 'topic',
  stackName: 'stack',
  clusterName: 'cluster',
  dBInstanceIdentifier: 'db_instance',
  dBSnapshotIdentifier: 'db_snapshot',
  logGroupName: 'log_group',
  detectorId: 'detector',
  documentName: 'document',
};
/** `name` says too little alone: these services mean one thing with it. */
const nameMeans: Readonly<Record<string, string>> = {
  'cloudtrail.amazonaws.com': 'trail',
  'ssm.amazonaws.com': 'parameter',
  'secretsmanager.amazonaws.com': 'secret',
  'events.amazonaws.com': 'rule',
};

function targetsOf(record: JsonObject): Target[] {
  const found = new Map<string, Target>();
  const add = (type: string, id: string | undefined) => {
    if (id === undefined || found.size >= targetsMax) return;
    const target = { type: clip(type, 128), id: clip(id, 1024) };
    found.set(`${target.type}\n${target.id}`, target);
  };
  for (const resource of Array.isArray(record.resources) ? (record.resources as readonly Json[]) : []) {
    if (isObject(resource)) add(textOf(resource.type) ?? 'resource', textOf(resource.ARN) ?? textOf(resource.arn));
  }
  if (!isObject(record.requestParameters)) return [...found.values()];
  for (const [name, value] of Object.entries(record.requestParameters)) {
    const type = name === 'name' ? nameMeans[String(record.eventSource)] : own(targetParameters, name);
    if (type !== undefined) add(type, textOf(value));
    // EC2 names many at once: instancesSet: {items: [{instanceId}]}.
    if (!isObject(value) || !Array.isArray(value.items)) continue;
    for (const item of value.items as readonly Json[]) {
      if (!isObject(item)) continue;
      for (const [inner, id] of Object.entries(item)) {
        const kind = own(targetParameters, inner);
        if (kind !== undefined) add(kind, textOf(id));
      }
    }
  }
  return [...found.values()];
}

const own = (table: Readonly<Record<string, string>>, name: string): string | undefined =>
  Object.hasOwn(table, name) ? table[name] : undefined;

/** Kept under AWS's own names, in the order of what an investigator reads first. */
const kept = [
  'eventType',
  'recipientAccountId',
  'errorCode',
  'sharedEventID',
  'vpcEndpointId',
  'requestParameters',
  'responseElements',
  'serviceEventDetails',
  'additionalEventData',
];

function metadataOf(record: JsonObject): JsonObject {
  const budget: Budget = { keys: metadataKeysMax, chars: metadataCharsMax, truncated: false };
  const entries = kept
    .filter((name) => record[name] !== undefined && record[name] !== null)
    .map((name) => [name, bounded(record[name]!, budget, metadataDepthMax)] as const);
  return { ...Object.fromEntries(entries), ...(budget.truncated ? { truncated: true } : {}) };
}
