/** REQUEST authorizers: identity sources, the cache, and what a policy allows. */
import { FunctionError } from '../invocation.ts';
import type { Authorizer } from './routes.ts';

interface Statement {
  readonly Effect: 'Allow' | 'Deny';
  readonly Action: string | readonly string[];
  readonly Resource: string | readonly string[];
}

interface Policy {
  readonly principalId?: string;
  readonly policyDocument?: { readonly Statement?: readonly Statement[] };
  readonly context?: Readonly<Record<string, string | number | boolean>>;
}

export type Decision =
  | { readonly allowed: true; readonly context: Readonly<Record<string, string>> }
  | {
      readonly allowed: false;
      readonly because: 'UNAUTHORIZED' | 'ACCESS_DENIED' | 'AUTHORIZER_FAILURE' | 'AUTHORIZER_CONFIGURATION_ERROR';
    };

const refused = (because: Exclude<Decision, { allowed: true }>['because']): Decision => ({ allowed: false, because });

export class Authorizers {
  readonly #cache = new Map<string, { readonly policy: Policy; readonly untilMs: number }>();
  readonly #invoke: (functionArn: string, event: object) => Promise<unknown>;
  readonly #now: () => number;

  constructor(invoke: (functionArn: string, event: object) => Promise<unknown>, now: () => number) {
    this.#invoke = invoke;
    this.#now = now;
  }

  /** Decides one request; the event is made only when the cache has no answer. */
  async decide(
    authorizer: Authorizer,
    header: (name: string) => string | undefined,
    methodArn: string,
    event: () => object,
  ): Promise<Decision> {
    const identity = authorizer.identityHeaders.map(header);
    if (identity.some((value) => !value)) return refused('UNAUTHORIZED');
    const key = JSON.stringify([authorizer.id, identity]);
    const cached = this.#cache.get(key);
    if (cached && cached.untilMs > this.#now()) return judge(cached.policy, methodArn);
    let policy: Policy;
    try {
      policy = (await this.#invoke(authorizer.functionArn, { ...event(), type: 'REQUEST', methodArn })) as Policy;
    } catch (error) {
      const unauthorized = error instanceof FunctionError && error.fault.errorMessage === 'Unauthorized';
      return refused(unauthorized ? 'UNAUTHORIZED' : 'AUTHORIZER_FAILURE');
    }
    if (!isPolicy(policy)) return refused('AUTHORIZER_CONFIGURATION_ERROR');
    if (authorizer.ttlSeconds > 0 && identity.length > 0) {
      this.#prune();
      this.#cache.set(key, { policy, untilMs: this.#now() + authorizer.ttlSeconds * 1000 });
    }
    return judge(policy, methodArn);
  }

  #prune(): void {
    if (this.#cache.size < 1_000) return;
    const now = this.#now();
    for (const [key, { untilMs }] of this.#cache) if (untilMs <= now) this.#cache.delete(key);
  }
}

/** API Gateway refuses an answer without a principal, and context values that are not plain. */
function isPolicy(policy: Policy | null): policy is Policy {
  return (
    typeof policy === 'object' &&
    policy !== null &&
    typeof policy.principalId === 'string' &&
    Array.isArray(policy.policyDocument?.Statement) &&
    Object.values(policy.context ?? {}).every((value) => ['string', 'number', 'boolean'].includes(typeof value))
  );
}

/** A matching Deny wins; without a matching Allow the request is denied. */
function judge(policy: Policy, methodArn: string): Decision {
  const matching = policy.policyDocument!.Statement!.filter(
    ({ Action, Resource }) =>
      [Action].flat().some((action) => matches(action, 'execute-api:Invoke')) &&
      [Resource].flat().some((resource) => matches(resource, methodArn)),
  );
  const allowed =
    matching.some(({ Effect }) => Effect === 'Allow') && !matching.some(({ Effect }) => Effect === 'Deny');
  if (!allowed) return refused('ACCESS_DENIED');
  const context = Object.entries(policy.context ?? {}).map(([name, value]) => [name, String(value)]);
  return { allowed: true, context: { ...Object.fromEntries(context), principalId: policy.principalId! } };
}

/** IAM's wildcards: `*` any run of characters, `?` any one. */
export function matches(pattern: string, text: string): boolean {
  const source = pattern
    .replace(/[.+^${}()|[\]\\]/g, '\\$&')
    .replaceAll('*', '.*')
    .replaceAll('?', '.');
  return new RegExp(`^${source}$`, 's').test(text);
}
