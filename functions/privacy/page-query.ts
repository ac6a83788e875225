import { Problem } from '#core/event/problem.ts';
import { type RequestState, requestStates } from '#core/privacy/request.ts';

const limitDefault = 100;
const limitMax = 1000;
const uuid = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/** `?after=&limit=&state=` of a list; `after` is the id of the last item of the page before. */
export function pageQuery(query: URLSearchParams, names: readonly ('after' | 'limit' | 'state')[]) {
  const refuse = (name: string, detail: string) => new Problem('request_invalid', detail, { pointer: `/${name}` });
  for (const name of query.keys()) {
    if (!(names as readonly string[]).includes(name)) {
      throw new Problem('request_invalid', `This list takes ${names.join(', ')}, and nothing else.`);
    }
  }
  const limit = query.get('limit') ?? String(limitDefault);
  if (!/^\d{1,4}$/.test(limit) || Number(limit) < 1 || Number(limit) > limitMax) {
    throw refuse('limit', `limit must be a whole number from 1 to ${limitMax}.`);
  }
  const after = query.get('after') ?? undefined;
  if (after !== undefined && !uuid.test(after)) throw refuse('after', 'after must be the id of the last item.');
  const state = query.get('state') ?? undefined;
  if (state !== undefined && !requestStates.includes(state as RequestState)) {
    throw refuse('state', `state must be one of ${requestStates.join(', ')}.`);
  }
  return { after, limit: Number(limit), state: state as RequestState | undefined };
}

/** The `next` of a page: the last id when the page is full, else null. */
export const nextOf = (items: readonly { readonly id: string }[], limit: number): string | null =>
  items.length === limit ? items.at(-1)!.id : null;
