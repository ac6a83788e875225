/** What roles allow, grant by grant, and which of it nothing exercised. */
import type { Permissions } from '#test/lib/support/permissions.ts';
import type { Assembly } from '#test/lib/support/synthesize.ts';
import type { Need } from './actions.ts';

export interface Grant {
  readonly functionId: string;
  readonly action: string;
  readonly resource: string;
  readonly conditions: Readonly<Record<string, Readonly<Record<string, string>>>>;
}

interface Statement {
  readonly Effect: string;
  readonly Action: string | readonly string[];
  readonly Resource: string | readonly string[];
  readonly Condition?: Grant['conditions'];
}

const listOf = <T>(one: T | readonly T[]): readonly T[] => (Array.isArray(one) ? one : [one]) as readonly T[];

/** Every action on every resource that the functions' roles allow. */
export const grantsOf = ({ functions, policiesOf }: Permissions): Grant[] =>
  functions.flatMap(({ id: functionId }) =>
    policiesOf(functionId)
      .flatMap(({ policy }) => policy.Statement as Statement[])
      .filter(({ Effect }) => Effect === 'Allow')
      .flatMap(({ Action, Resource, Condition = {} }) =>
        listOf(Action).flatMap((action) =>
          listOf(Resource).map((resource) => ({ functionId, action, resource, conditions: Condition })),
        ),
      ),
  );

/** Whether a need is a use of a grant. */
export function exercises(need: Need, { functionId, action, resource, conditions }: Grant): boolean {
  return (
    need.functionId === functionId &&
    matches(need.action.toLowerCase(), action.toLowerCase()) &&
    matches(need.resource, resource) &&
    Object.entries(conditions).every(([operator, wanted]) => {
      const pairs = Object.entries(wanted);
      if (operator === 'Null') return pairs.every(([key, absent]) => key in need.context === (absent === 'false'));
      if (operator !== 'StringEquals' && operator !== 'ArnLike') throw new Error(`condition ${operator} is not known`);
      return pairs.every(([key, value]) => matches(need.context[key] ?? '', value));
    })
  );
}

function matches(text: string, pattern: string): boolean {
  const parts = pattern.split('*').map((part) => part.replace(/[\\^$.|?+()[\]{}]/g, '\\$&'));
  return new RegExp(`^${parts.join('.*')}$`, 's').test(text);
}

/** A grant for people: logical ids without their hash, the stage left open. */
export function readable(assembly: Assembly, grant: Grant): string {
  const short = (text: string) =>
    assembly
      .all()
      .reduce((said, { id }) => {
        const name = id.replace(/[0-9A-F]{8}$/, '');
        return said.replaceAll(id, name).replaceAll(id.toLowerCase(), name.toLowerCase());
      }, text)
      .replaceAll(`trailkeep-${assembly.stage}-`, 'trailkeep-<stage>-')
      .replaceAll(`/trailkeep/${assembly.stage}/`, '/trailkeep/<stage>/');
  const { functionId, action, resource, conditions } = grant;
  const { Null: _, ...told } = conditions;
  const limits = Object.values(told).flatMap((one) =>
    Object.entries(one).map(([key, value]) =>
      key.startsWith('kms:EncryptionContext:') ? `for ${value}` : `through ${short(value)}`,
    ),
  );
  return [short(functionId), action, short(resource), ...limits].join(' ');
}
