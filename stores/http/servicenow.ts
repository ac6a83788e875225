/** Reading tables of a ServiceNow instance by its Table API, by key and not by offset. */

import { PageInvalid } from '#core/costs/appdynamics.ts';
import type { Connector } from '#core/costs/fetch-ports.ts';
import { SourceFault } from '#core/costs/fetch-ports.ts';
import { beforeLate, positionFrom, queryAfter, readRecords } from '#core/costs/servicenow.ts';
import { settingsOf } from '#core/costs/source.ts';
import type { ConnectorTime } from './appdynamics.ts';
import type { Outside } from './outside.ts';
import { Session } from './session.ts';

/** The instance's own limit is 10 000; a page must fit into an answer. */
const pageSize = 1000;

export function createServiceNow(outside: Outside, { clock, workMs }: ConnectorTime, rowsMax = pageSize): Connector {
  return {
    async *fetch({ settings: kept, stream: table, position: read }, secret) {
      const settings = settingsOf('servicenow', kept);
      const base = settings.url.replace(/\/+$/, '');
      const session = new Session({
        ...{ outside, clock, until: clock() + workMs, tokenUrl: `${base}/oauth_token.do` },
        form: { grant_type: 'client_credentials', client_id: settings.client_id, client_secret: secret },
      });
      let position = beforeLate(positionFrom(read));
      for (;;) {
        const query = new URLSearchParams({
          ...{ sysparm_query: queryAfter(position), sysparm_limit: String(rowsMax), sysparm_no_count: 'true' },
          ...{ sysparm_display_value: 'all', sysparm_exclude_reference_link: 'true' },
        });
        const body = await session.ask(`${base}/api/now/table/${table}?${query}`);
        if (body === undefined)
          throw new SourceFault('source_garbage', 'The source answered with nothing.', { again: true });
        const { read: rows, last } = recordsOf(table, body);
        yield { what: table, body };
        if (rows < rowsMax) return;
        // A page without one readable key would be asked for again and again.
        if (!last || (last.updatedOn === position?.updatedOn && last.sysId === position.sysId)) {
          throw new SourceFault('source_garbage', `The records of ${table} cannot be told apart.`, { again: true });
        }
        position = last;
      }
    },
  };
}

function recordsOf(table: string, body: Parameters<typeof readRecords>[1]) {
  try {
    return readRecords(table, body);
  } catch (error) {
    if (error instanceof PageInvalid) throw new SourceFault('source_garbage', `${error.message}.`, { again: true });
    throw error;
  }
}
