/** Which item of the CMDB is the same thing as an application, by which rule, and how sure that is. */

export interface Candidate {
  readonly id: number;
  readonly sysId: string;
  readonly name: string;
  /** The CMDB's own word for the other system's id. */
  readonly correlationId: string;
}
export interface Seen {
  readonly controller: string;
  readonly key: string;
  readonly name: string;
  readonly tags: Readonly<Record<string, string>>;
}
export type CmdbRule = 'id' | 'name' | 'normalised' | 'similar' | 'none';
export interface Match {
  readonly item: number;
  readonly rule: CmdbRule;
  /** 0 to 1, as decimal text. */
  readonly confidence: string;
}

const none: Match = { item: 0, rule: 'none', confidence: '0' };
const idTags = ['cmdb-ci', 'cmdb_ci', 'sys_id', 'sys-id'];
/** Words that say where something runs, not what it is. */
const stages =
  /^(prod|production|prd|test|tst|uat|qa|dev|development|staging|stage|stg|int|app|application|service|svc)$/;
const similarFrom = 0.8;

const words = (name: string): string[] =>
  name
    .normalize('NFKD')
    .replace(/\p{M}/gu, '')
    .replace(/([a-z])([A-Z])/g, '$1 $2')
    .toLowerCase()
    .split(/[^\p{L}\p{N}]+/u)
    .filter((one) => one !== '' && !stages.test(one));

/** The words of a name that tell it from others, in one. */
export const normalised = (name: string): string => words(name).join('');

/**
 * A matcher over the items of a CMDB. Names that several items have match none of them: it is told as unmatched, not
 * guessed. Rules in the order in which they are tried: an id that a tag or the item's correlation id says (1), the same
 * name (0.95), the same words without stages and punctuation (0.85), four of five letter pairs alike (0.6).
 */
export function cmdbMatcher(items: readonly Candidate[]): (seen: Seen) => Match {
  const bySysId = new Map(items.map((one) => [one.sysId, one]));
  const byCorrelation = unique(items, ({ correlationId }) => correlationId);
  const byName = unique(items, ({ name }) => name.toLowerCase());
  const byWords = unique(items, ({ name }) => normalised(name));
  const pairs = items.map((item) => ({ item, pairs: pairsOf(normalised(item.name)) }));
  return (seen) => {
    const tagged = idTags.map((key) => bySysId.get(seen.tags[key] ?? '')).find(Boolean);
    const named = tagged ?? byCorrelation.get(`${seen.controller}:${seen.key}`);
    if (named) return { item: named.id, rule: 'id', confidence: '1' };
    const same = byName.get(seen.name.toLowerCase());
    if (same) return { item: same.id, rule: 'name', confidence: '0.95' };
    const wordsOf = normalised(seen.name);
    const alike = wordsOf === '' ? undefined : byWords.get(wordsOf);
    if (alike) return { item: alike.id, rule: 'normalised', confidence: '0.85' };
    return similar(wordsOf, pairs);
  };
}

/** What only one item says; what several say is nobody's. */
function unique(items: readonly Candidate[], said: (item: Candidate) => string): Map<string, Candidate> {
  const found = new Map<string, Candidate>();
  const twice = new Set<string>();
  for (const item of items) {
    const word = said(item);
    if (word === '') continue;
    if (found.has(word)) twice.add(word);
    found.set(word, item);
  }
  for (const word of twice) found.delete(word);
  return found;
}

function pairsOf(word: string): ReadonlySet<string> {
  const pairs = new Set<string>();
  for (let at = 0; at < word.length - 1; at += 1) pairs.add(word.slice(at, at + 2));
  return pairs;
}

/** Dice's coefficient of letter pairs; the best one, if no other is as good. */
function similar(
  word: string,
  items: readonly { readonly item: Candidate; readonly pairs: ReadonlySet<string> }[],
): Match {
  const own = pairsOf(word);
  // Short words are alike by chance.
  if (own.size < 5) return none;
  let best: Candidate | undefined;
  let most = similarFrom;
  let tied = false;
  for (const { item, pairs } of items) {
    let shared = 0;
    for (const pair of own) if (pairs.has(pair)) shared += 1;
    const score = (2 * shared) / (own.size + pairs.size);
    if (score > most) [best, most, tied] = [item, score, false];
    else if (score === most && best) tied = true;
  }
  return best && !tied ? { item: best.id, rule: 'similar', confidence: '0.6' } : none;
}
