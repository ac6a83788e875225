/**
 * The action catalogue: what kind of thing an action is, and so where its events are kept.
 *
 * The tenant's rules come first, then ours; within each the first pattern that matches decides. Only where no rule
 * speaks do a caller's hints count, so that nobody demotes a log-in by calling it "system".
 */
import type { CatalogueRule, TenantPolicy } from '../access/access.ts';
import type { Category, Crud, Severity, Tier } from './event.ts';

export const defaultCatalogue: readonly CatalogueRule[] = [
  // What is stored is not what it was: somebody has to get up.
  { action: 'log.verification_failed', category: 'critical', severity: 'critical' },
  // Who may do what, and the trail itself: always critical.
  ...[
    'role.*',
    'permission.*',
    'iam.*',
    'key.*',
    'api_key.*',
    'policy.*',
    'tenant.*',
    'audit.*',
    'admin.*',
    'secret.*',
    'assignment.*',
    'privacy.*',
    'hold.*',
    'issuer.*',
    'schema.*',
    'log.*',
    'report.*',
    'retention.*',
    'archive.*',
    'costs.*',
    // What is done by the clock; that it was done is the system's.
    'job_definition.*',
  ].map((action): CatalogueRule => ({ action, category: 'critical', severity: 'medium' })),
  // Somebody saw more than usual.
  { action: 'break_glass.*', category: 'critical', severity: 'high' },
  { action: 'field.*', category: 'critical', severity: 'high', crud: 'r' },
  // Who read the trail: as many as there are questions.
  { action: 'audit_log.*', category: 'system', crud: 'r' },
  { action: 'export.*', category: 'critical', severity: 'medium' },
  { action: 'data.export', category: 'critical', severity: 'medium', crud: 'r' },
  // Log-ins and sessions.
  ...['user.login', 'user.logout', 'user.login_failed', 'session.*', 'mfa.*', 'password.*', 'ssh.*'].map(
    (action): CatalogueRule => ({ action, category: 'auth_events' }),
  ),
  { action: 'aws.signin.*', category: 'auth_events' },
  // AWS: what reads is an API call, what changes identities, keys or the trail is critical.
  ...['iam', 'sts', 'kms', 'cloudtrail', 'organizations', 'secretsmanager'].flatMap((service): CatalogueRule[] => [
    ...['Get', 'List', 'Describe', 'Head', 'Lookup'].map((verb) => ({
      action: `aws.${service}.${verb}*`,
      category: 'api_calls' as const,
      crud: 'r' as const,
    })),
    ...(service === 'sts' || service === 'kms'
      ? []
      : [{ action: `aws.${service}.*`, category: 'critical' as const, severity: 'medium' as const }]),
  ]),
  { action: 'aws.kms.ScheduleKeyDeletion', category: 'critical', severity: 'high' },
  { action: 'aws.kms.DisableKey', category: 'critical', severity: 'high' },
  { action: 'aws.kms.PutKeyPolicy', category: 'critical', severity: 'high' },
  { action: 'aws.*', category: 'api_calls' },
  { action: 'api.*', category: 'api_calls' },
  ...['system.*', 'job.*'].map((action): CatalogueRule => ({ action, category: 'system' })),
  ...['deploy.*', 'config.*', 'backup.*'].map((action): CatalogueRule => ({ action, category: 'operations' })),
];

/** Where a category is kept when the tenant says nothing. */
export const defaultTiers: Readonly<Record<Category, Tier>> = {
  critical: 'critical',
  auth_events: 'critical',
  api_calls: 'bulk',
  user_activity: 'bulk',
  operations: 'bulk',
  system: 'bulk',
};

export interface Classification {
  readonly category: Category;
  readonly tier: Tier;
  readonly crud: Crud;
  readonly severity: Severity;
}

/** True when the action is the pattern, or begins with what stands before its final `*`. */
export const matchesAction = (pattern: string, action: string): boolean =>
  pattern.endsWith('*') ? action.startsWith(pattern.slice(0, -1)) : action === pattern;

/** What an event is, by its action, the tenant's policy and, where no rule speaks, the caller's hints. */
export function classify(
  action: string,
  hints: { readonly category?: Category; readonly crud?: Crud; readonly severity?: Severity },
  policy?: Pick<TenantPolicy, 'catalogue' | 'tiers'>,
): Classification {
  const own = policy && policy.catalogue.length > 0 ? find(policy.catalogue, action) : undefined;
  const ours = find(defaultCatalogue, action);
  const category = own?.category ?? ours?.category ?? hints.category ?? 'user_activity';
  return {
    category,
    tier: own?.tier ?? policy?.tiers[category] ?? defaultTiers[category],
    crud: own?.crud ?? ours?.crud ?? hints.crud ?? guessCrud(action),
    severity: own?.severity ?? ours?.severity ?? hints.severity ?? 'info',
  };
}

const rulesByFirstWord = new WeakMap<readonly CatalogueRule[], ReadonlyMap<string, readonly CatalogueRule[]>>();
/** Rules whose first word is not fixed (`*`, `us*`) are tried for every action. */
const anyWord = '*';

/** The first rule that matches, looking only at those that begin with the action's first word. */
function find(rules: readonly CatalogueRule[], action: string): CatalogueRule | undefined {
  let index = rulesByFirstWord.get(rules);
  if (!index) {
    index = indexOf(rules);
    rulesByFirstWord.set(rules, index);
  }
  const candidates = index.get(action.slice(0, Math.max(0, action.indexOf('.')))) ?? index.get(anyWord);
  return candidates?.find((rule) => matchesAction(rule.action, action));
}

function indexOf(rules: readonly CatalogueRule[]): ReadonlyMap<string, readonly CatalogueRule[]> {
  const wordOf = ({ action }: CatalogueRule) => (action.includes('.') ? action.slice(0, action.indexOf('.')) : anyWord);
  const words = new Set(rules.map(wordOf));
  words.add(anyWord);
  return new Map(
    [...words].map((word) => [word, rules.filter((rule) => wordOf(rule) === word || wordOf(rule) === anyWord)]),
  );
}

const verbs: readonly [Crud, RegExp][] = [
  ['c', /^(create|add|insert|login|log_in|sign_?up|register|invite|upload|send|grant|assign|start|run|open)/],
  ['r', /^(get|list|read|view|describe|search|download|query|export|head|lookup|logout|access)/],
  ['d', /^(delete|remove|revoke|destroy|purge|terminate|drop|erase)/],
];

/** c, r, u or d by the action's last word; what changes nothing we know is taken for a change. */
function guessCrud(action: string): Crud {
  const verb = action.slice(action.lastIndexOf('.') + 1).toLowerCase();
  return verbs.find(([, pattern]) => pattern.test(verb))?.[0] ?? 'u';
}
