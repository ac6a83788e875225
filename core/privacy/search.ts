/** A question about people, in the words of the stored form: each personal value becomes the tokens it may stand as. */
import type { Filter } from '#core/query/filter.ts';
import type { Cipher, DataKey, SubjectKeys } from './ports.ts';
import { emailToken, ipToken, subjectToken } from './seal.ts';

export interface StoredFilter {
  readonly filter: Filter;
  /** Those of the people asked for that have a key: nobody else's name needs to be written down. */
  readonly known: readonly string[];
}

/**
 * The filter over stored events. A value stays among its tokens, for machines and things are stored in clear. A person
 * that has no key (never met, or erased) has no tokens.
 */
export async function storedFilter(
  tenant: string,
  filter: Filter,
  keys: Pick<SubjectKeys, 'tenant' | 'find' | 'findByAlias'>,
  cipher: Cipher,
): Promise<StoredFilter> {
  const { actor, target, subject, actorEmail, ip } = filter;
  if (!actor && !target && !subject && !actorEmail && !ip) return { filter, known: [] };
  const persons = [...new Set([...(actor ?? []), ...(target ?? []), ...(subject ?? [])])];
  const found: ReadonlyMap<string, readonly DataKey[]> =
    persons.length === 0 ? new Map() : await keys.find(tenant, persons);
  const withTokens = (values: readonly string[]) =>
    values.flatMap((value) => [value, ...(found.get(value) ?? []).map((key) => subjectToken(key, cipher))]);
  const emails = await Promise.all(
    (actorEmail ?? []).map(async (email) => {
      const owners = await keys.findByAlias(tenant, email);
      return [email, ...owners.map((key) => emailToken(key, email, cipher))];
    }),
  );
  const blind = ip && (await keys.tenant(tenant));
  return {
    filter: {
      ...filter,
      ...(actor ? { actor: withTokens(actor) } : {}),
      ...(target ? { target: withTokens(target) } : {}),
      ...(subject ? { subject: withTokens(subject) } : {}),
      ...(actorEmail ? { actorEmail: emails.flat() } : {}),
      ...(ip && blind ? { ip: ip.flatMap((one) => [one, ipToken(blind, one, cipher)]) } : {}),
    },
    known: persons.filter((person) => found.has(person)),
  };
}
