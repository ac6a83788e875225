/** Reading a controller of AppDynamics: applications, tiers, tags, licence usage and metrics. */
import { endOfWindow, type Page } from '#core/costs/appdynamics.ts';
import { dayAfter, startOf } from '#core/costs/day.ts';
import type { Connector, FetchOrder } from '#core/costs/fetch-ports.ts';
import { SourceFault } from '#core/costs/fetch-ports.ts';
import { settingsOf } from '#core/costs/source.ts';
import type { Json } from '#core/event/event.ts';
import type { Outside, OutsideAnswer } from './outside.ts';
import { Session } from './session.ts';

export interface ConnectorTime {
  readonly clock: () => number;
  /** Of one order. */
  readonly workMs: number;
}

/** Ids of so many applications fit into an address. */
const groupSize = 50;
/** So many questions are asked at once. */
const atOnce = 4;

export function createAppDynamics(outside: Outside, { clock, workMs }: ConnectorTime): Connector {
  return {
    async *fetch(order, secret) {
      const settings = settingsOf('appdynamics', order.settings);
      const base = `${settings.url.replace(/\/+$/, '')}/controller`;
      const session = new Session({
        ...{ outside, clock, until: clock() + workMs, tokenUrl: `${base}/api/oauth/access_token` },
        form: { grant_type: 'client_credentials', client_id: settings.client_id, client_secret: secret },
      });
      const applications = required(await session.ask(`${base}/rest/applications?output=JSON`));
      yield { what: 'applications', body: applications };
      const ids = idsOf(applications);
      if (order.stream === 'inventory') yield* inventory(session, base, ids);
      else yield* usage(session, base, ids, order, settings.account_id);
    },
  };
}

async function* inventory(session: Session, base: string, ids: readonly string[]): AsyncIterable<Page> {
  yield* inTurns(ids, async (id) => {
    const tiers = required(await session.ask(`${base}/rest/applications/${id}/tiers?output=JSON`));
    const pages: Page[] = [{ what: 'tiers', of: id, body: tiers }];
    // Custom tags are a feature that an account may not have.
    const tags = await session.ask(`${base}/restui/tags?entityId=${id}&entityType=APPLICATION`, isMissing);
    if (tags !== undefined) pages.push({ what: 'tags', of: id, body: tags });
    return pages;
  });
}

async function* usage(
  session: Session,
  base: string,
  ids: readonly string[],
  { from, to }: FetchOrder,
  known: string | undefined,
): AsyncIterable<Page> {
  if (from === undefined || to === undefined) throw new SourceFault('order_invalid', 'Usage is asked for by days.');
  const account = known ?? accountOf(required(await session.ask(`${base}/api/accounts/myaccount`)));
  const licensing = `${base}/licensing/v1`;
  const range = `dateFrom=${from}T00:00:00Z&dateTo=${dayAfter(to)}T00:00:00Z&granularityMinutes=1440`;
  const licences = await session.ask(`${licensing}/usage/account/${account}?${range}`, isForAgents);
  yield licences === undefined
    ? { what: 'licence-usage-unsupported', body: null }
    : { what: 'licence-usage', body: licences };
  for (let at = 0; at < ids.length; at += groupSize) {
    const wanted = ids.slice(at, at + groupSize).map((id) => `appId=${id}`);
    const grouped = `${licensing}/account/${account}/grouped-usage/application/by-id?${wanted.join('&')}`;
    const body = await session.ask(`${grouped}&includeAgents=false`, isForAgents);
    if (body !== undefined) yield { what: 'grouped-usage', body };
  }
  const window = `time-range-type=BETWEEN_TIMES&start-time=${startOf(from)}&end-time=${endOfWindow(to)}`;
  yield* inTurns(ids, async (id) => {
    const ask = (path: string) =>
      session.ask(
        `${base}/rest/applications/${id}/metric-data?metric-path=${encodeURIComponent(path)}&${window}&rollup=false&output=JSON`,
      );
    return [
      { what: 'calls', of: id, body: required(await ask('Overall Application Performance|Calls per Minute')) },
      {
        what: 'nodes',
        of: id,
        body: required(await ask('Application Infrastructure Performance|*|Agent|App|Availability')),
      },
    ];
  });
}

/** A few at once, in order. */
async function* inTurns(ids: readonly string[], ask: (id: string) => Promise<readonly Page[]>): AsyncIterable<Page> {
  for (let at = 0; at < ids.length; at += atOnce) {
    for (const pages of await Promise.all(ids.slice(at, at + atOnce).map(ask))) yield* pages;
  }
}

const isMissing = ({ status }: OutsideAnswer): boolean => status === 404;
/** What accounts with licences by agent answer. */
const isForAgents = ({ status, text }: OutsideAnswer): boolean =>
  status === 500 && /not supported for agent/i.test(text);

function required(body: Json | undefined): Json {
  if (body === undefined) throw new SourceFault('source_garbage', 'The source answered with nothing.', { again: true });
  return body;
}

/** Ids go into addresses: nothing but digits and letters. */
function idsOf(applications: Json): string[] {
  if (!Array.isArray(applications)) {
    throw new SourceFault('source_garbage', 'The list of applications is not a list.', { again: true });
  }
  return applications.flatMap((one: Json) => {
    const id = typeof one === 'object' && one !== null && !Array.isArray(one) && 'id' in one ? String(one.id) : '';
    return /^\w{1,100}$/.test(id) ? [id] : [];
  });
}

function accountOf(body: Json): string {
  const said = (body as { readonly id?: unknown } | null)?.id;
  const id = typeof said === 'string' || typeof said === 'number' ? String(said) : '';
  if (!/^[\w-]{1,100}$/.test(id)) {
    throw new SourceFault('source_garbage', 'The controller does not say which account this is.', { again: true });
  }
  return id;
}
