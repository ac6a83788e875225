/**
 * Accept: events come in over HTTPS, and the receipt means that SQS has them.
 *
 * What can go wrong: a bad item (refused alone, the rest goes on), a repeat (same receipt, and readers see
 * the event once), a key above its rate (429, nothing taken), SQS or S3 down (503, nothing promised; what
 * was queued before the failure carries ids that the retry, with an Idempotency-Key, repeats exactly).
 * This verb needs no database: ingestion goes on while Aurora is paused, failing over or restored.
 */
import type { Caller } from '#core/access/access.ts';
import { type Tier, tiers } from '#core/event/event.ts';
import { type Fault, Problem, problemOf } from '#core/event/problem.ts';
import { compileSchemas } from '#core/event/registry.ts';
import { type SplitBody, splitBody } from '#core/record/body.ts';
import { Limiter } from '#core/record/limiter.ts';
import type { Claim, Claims, Control, Outlet } from '#core/record/ports.ts';
import { type PrepareContext, prepareEvent } from '#core/record/prepare.ts';
import { packEnvelopes } from '#functions/runtime/envelope-codec.ts';
import { onHttp, requireScope } from '#functions/runtime/http.ts';
import { metric } from '#functions/runtime/observe.ts';
import { openClaims, openControl, openOutlets } from '#functions/runtime/open.ts';
import type { HttpRequest, HttpResponse } from '#functions/runtime/request.ts';
import { requestText } from './body.ts';
import { derivedId, newSeed, seededIds, sha256Hex } from './ids.ts';

export interface AcceptPorts {
  readonly control: Pick<Control, 'tenant'>;
  readonly claims: Claims;
  readonly outlets: Readonly<Record<Tier, Outlet>>;
  readonly limiter: Limiter;
}

type Item =
  | { readonly index: number; readonly status: 'accepted'; readonly id: string; readonly tier: Tier }
  | ({ readonly index: number; readonly status: 'refused' } & Fault);

/** SQS message group ids, idempotency keys and traces carry it: printable ASCII, no surprise in any of them. */
const idempotencyKeyShape = /^[\x21-\x7e]{1,255}$/;

export async function accept(ports: AcceptPorts, request: HttpRequest): Promise<HttpResponse> {
  const caller = requireScope(request, 'events:write');
  const idempotencyKey = request.headers['idempotency-key'];
  if (idempotencyKey !== undefined && !idempotencyKeyShape.test(idempotencyKey)) {
    throw new Problem(
      'idempotency_key_invalid',
      'The Idempotency-Key must be 1 to 255 printable ASCII characters without spaces.',
    );
  }
  const text = requestText(request);
  const split = splitBody(request.headers['content-type'], text);
  if (!split.ok) throw problemOf(split.fault);
  const { form, cloudEvents, items } = split.value;
  const waitSeconds = ports.limiter.take(caller.keyId, items.length, caller.eventsPerSecond, request.now.getTime());
  if (waitSeconds > 0) {
    throw new Problem(
      'rate_limited',
      `This key may send ${caller.eventsPerSecond} events a second. Nothing was taken; wait ${waitSeconds} s.`,
      {
        retryAfterSeconds: waitSeconds,
      },
    );
  }

  const policy = await ports.control.tenant(caller.tenant);
  const prepare = (claim: Claim) => prepareAll(items, caller, policy, cloudEvents, claim);
  // Only a claim needs the body's hash.
  const bodySha256 = idempotencyKey === undefined ? '' : sha256Hex(text);
  const ours: Claim = { v: 1, bodySha256, receivedAt: request.now.toISOString(), seed: newSeed() };
  let claim = ours;
  let prepared = prepare(ours);
  if (idempotencyKey !== undefined && prepared.accepted > 0) {
    claim = await ports.claims.claim(caller.tenant, idempotencyKey, ours);
    if (claim.bodySha256 !== ours.bodySha256) {
      throw new Problem(
        'idempotency_conflict',
        'This Idempotency-Key came before with another body. Use a new key for new events.',
      );
    }
    // A repeat is queued again under the ids of the first time: the first try may have died before SQS had it.
    if (claim.seed !== ours.seed) prepared = prepare(claim);
  }
  const messages = (tier: Tier) =>
    packEnvelopes(caller.tenant, tier, prepared.lines[tier]).map((body) => ({ body, group: caller.tenant }));
  await Promise.all(tiers.map((tier) => ports.outlets[tier].send(messages(tier))));
  metric('record', 'accepted', prepared.accepted);
  return receipt(form === 'single', prepared.items, prepared.accepted, claim.receivedAt);
}

function prepareAll(
  bodyItems: SplitBody['items'],
  caller: Caller,
  policy: Awaited<ReturnType<Control['tenant']>>,
  cloudEvents: SplitBody['cloudEvents'],
  claim: Claim,
) {
  const receivedAt = new Date(claim.receivedAt);
  const idOf = seededIds(claim.seed, receivedAt.getTime());
  const violation = policy && policy.schemas.length > 0 ? compileSchemas(policy) : undefined;
  const lines: Record<Tier, string[]> = { critical: [], bulk: [] };
  let at = 0;
  const by: PrepareContext = {
    tenant: caller.tenant,
    keyId: caller.keyId,
    ...(caller.project === undefined ? {} : { project: caller.project }),
    ...(caller.environment === undefined ? {} : { environment: caller.environment }),
    receivedAt,
    cloudEvents,
    policy,
    ...(violation ? { violation } : {}),
    newId: () => idOf(at),
    derivedId: derivedId(caller.tenant),
  };
  const items = bodyItems.map((item, index): Item => {
    at = index;
    const prepared = prepareEvent(item, by);
    if (!prepared.ok) return { index, status: 'refused', ...prepared.fault };
    const { event, line, tier } = prepared.value;
    lines[tier].push(line);
    return { index, status: 'accepted', id: event.id, tier };
  });
  return { items, lines, accepted: lines.critical.length + lines.bulk.length };
}

function receipt(single: boolean, items: readonly Item[], accepted: number, receivedAt: string): HttpResponse {
  const headers = { 'x-max-batch': '1000' };
  const [first] = items;
  if (single && first) {
    if (first.status === 'refused') throw problemOf(first);
    return { status: 202, headers, body: { id: first.id, tier: first.tier, received_at: receivedAt } };
  }
  if (accepted === 0) {
    throw new Problem('batch_refused', `All ${items.length} events were refused; each item says why.`, {
      extensions: { items },
    });
  }
  return {
    status: 202,
    headers,
    body: { accepted, refused: items.length - accepted, items, received_at: receivedAt },
  };
}

export const handler = onHttp(accept, {
  control: openControl,
  claims: openClaims,
  outlets: openOutlets,
  limiter: () => new Limiter(),
});
