import { Problem } from '#core/event/problem.ts';

const limitDefault = 100;
const limitMax = 1000;

/** `?after=&limit=` of a list. `after` is the id of the last item of the page before. */
export function listQuery(query: URLSearchParams): { readonly after: string | undefined; readonly limit: number } {
  for (const name of query.keys()) {
    if (name !== 'after' && name !== 'limit') {
      throw new Problem('request_invalid', `A list takes after and limit, not ${JSON.stringify(name.slice(0, 60))}.`);
    }
  }
  const limit = query.get('limit') ?? String(limitDefault);
  if (!/^\d{1,4}$/.test(limit) || Number(limit) < 1 || Number(limit) > limitMax) {
    throw new Problem('request_invalid', `limit must be a whole number from 1 to ${limitMax}.`, { pointer: '/limit' });
  }
  return { after: query.get('after') ?? undefined, limit: Number(limit) };
}

/** The `next` of a page: the last id when the page is full, else null. */
export const nextOf = <T>(items: readonly T[], limit: number, idOf: (item: T) => string): string | null =>
  items.length === limit ? idOf(items.at(-1)!) : null;
