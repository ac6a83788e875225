/** What a function's role may do, asked of an IAM simulator instead of AWS. */
import { runSimulation } from '@cloud-copilot/iam-simulate';
import { account, resolverOf } from './resolve.ts';
import type { Assembly, Json } from './synthesize.ts';

export interface Permissions {
  /** Every function of the stage. */
  readonly functions: readonly { readonly id: string; readonly stack: string; readonly properties: Json }[];
  /** The policies of a function's role, resolved. */
  policiesOf(functionId: string): { name: string; policy: Json }[];
  /** `Allowed`, `ImplicitlyDenied`, … for one action on one resource. */
  simulate(functionId: string, action: string, resource: string, context?: Record<string, string>): Promise<string>;
}

export function permissionsOf(assembly: Assembly): Permissions {
  const resolve = resolverOf(assembly);
  const functions = assembly
    .all('AWS::Lambda::Function')
    .map(({ id, stack, Properties }) => ({ id, stack, properties: Properties }));
  const roleOf = (functionId: string) => {
    const { stack, properties } = functions.find(({ id }) => id === functionId)!;
    return { stack, role: (properties.Role as { 'Fn::GetAtt': [string, string] })['Fn::GetAtt'][0] };
  };
  const policiesOf = (functionId: string) => {
    const { stack, role } = roleOf(functionId);
    return assembly
      .all('AWS::IAM::Policy')
      .filter(
        (one) => one.stack === stack && (one.Properties.Roles as { Ref: string }[]).some(({ Ref }) => Ref === role),
      )
      .map(({ id, Properties }) => ({ name: id, policy: resolve.value(Properties.PolicyDocument, stack) as Json }));
  };
  /** A role that a key's policy names from another stack has a name; the others go by their id. */
  const principalOf = (functionId: string) => {
    const { stack, role } = roleOf(functionId);
    const named = assembly.templates[stack]!.Resources[role]!.Properties.RoleName;
    return `arn:aws:iam::${account}:role/${named === undefined ? role : String(resolve.value(named, stack))}`;
  };
  const keyPolicyOf = (arn: string) => {
    const key = assembly.all('AWS::KMS::Key').find((one) => resolve.arn(one.stack, one.id) === arn);
    return key && resolve.value(key.Properties.KeyPolicy, key.stack);
  };
  return {
    functions,
    policiesOf,
    simulate: async (functionId, action, resource, context = {}) => {
      const resourcePolicy = action.startsWith('kms:') ? keyPolicyOf(resource) : undefined;
      const simulation = {
        identityPolicies: policiesOf(functionId),
        serviceControlPolicies: [],
        resourceControlPolicies: [],
        ...(resourcePolicy ? { resourcePolicy } : {}),
        request: {
          principal: principalOf(functionId),
          action,
          resource: { resource, accountId: account },
          contextVariables: { 'aws:PrincipalArn': principalOf(functionId), ...context },
        },
      };
      const result = (await runSimulation(simulable(simulation) as Parameters<typeof runSimulation>[0], {})) as {
        overallResult?: string;
        errors?: unknown;
      };
      return result.overallResult ?? JSON.stringify(result.errors);
    },
  };
}

/**
 * The simulator knows condition keys with a variable part after a slash only. Encryption contexts have theirs after a
 * colon, so they go in as tags of the principal, which it compares in the same way.
 */
const simulable = (simulation: object): unknown =>
  JSON.parse(JSON.stringify(simulation).replaceAll('"kms:EncryptionContext:', '"aws:PrincipalTag/encryption-'));
