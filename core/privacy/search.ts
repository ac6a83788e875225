/** A question about people, in the words of the stored form: each personal value becomes the tokens it may stand as. */
import type { Filter } from '#core/query/filter.ts';
import type { Cipher, SubjectKeys } from './ports.ts';
import { emailToken, ipToken, subjectToken } from './seal.ts';

/**
 * The filter over stored events. A value stays among its tokens, for machines and things are stored in clear. A person
 * that has no key (never met, or erased) has no tokens.
 */
export async function storedFilter(
  tenant: string,
  filter: Filter,
  keys: Pick<SubjectKeys, 'tenant' | 'find' | 'findByAlias'>,
  cipher: Cipher,
): Promise<Filter> {
  const { actor, target, subject, actorEmail, ip } = filter;
  if (!actor && !target && !subject && !actorEmail && !ip) return filter;
  const persons = [...new Set([...(actor ?? []), ...(target ?? []), ...(subject ?? [])])];
  const found = persons.length === 0 ? new Map() : await keys.find(tenant, persons);
  const withTokens = (values: readonly string[]) =>
    values.flatMap((value) => [
      value,
      ...(found.get(value) ?? []).map((key: Parameters<typeof subjectToken>[0]) => subjectToken(key, cipher)),
    ]);
  const emails = await Promise.all(
    (actorEmail ?? []).map(async (email) => {
      const owners = await keys.findByAlias(tenant, email);
      return [email, ...owners.map((key) => emailToken(key, email, cipher))];
    }),
  );
  const blind = ip && (await keys.tenant(tenant));
  return {
    ...filter,
    ...(actor ? { actor: withTokens(actor) } : {}),
    ...(target ? { target: withTokens(target) } : {}),
    ...(subject ? { subject: withTokens(subject) } : {}),
    ...(actorEmail ? { actorEmail: emails.flat() } : {}),
    ...(ip && blind ? { ip: ip.flatMap((one) => [one, ipToken(blind, one, cipher)]) } : {}),
  };
}
