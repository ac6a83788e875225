/** Exports of events. */
import type { Row, Sql, TransactionSql } from 'postgres';
import type { EventExport, EventExports, EventPart, Unread } from '#core/export/ports.ts';
import type { Position } from '#core/query/ports.ts';
import { isUuid, withTenants } from './connect.ts';

/** Opens the exports; what each method promises is in core/export/ports.ts. */
export function createEventExports(sql: Sql, contextKey: Uint8Array): EventExports {
  const within = <T>(tenant: string, work: (tx: TransactionSql) => Promise<T>) =>
    withTenants(sql, contextKey, [tenant], new Date(), work);
  return {
    async open({ tenant, id, format, asked, askedBy, askedAt, plan }) {
      await within(
        tenant,
        async (
          tx,
        ) => tx`insert into archive.export (tenant_id, id, format, asked, asked_by, asked_at, advanced_at, plan)
          values (${tenant}, ${id}, ${format}, ${JSON.stringify(asked)}::text::json, ${askedBy}, ${askedAt}, ${askedAt},
            ${plan})`,
      );
    },

    async get(tenant, id) {
      if (!isUuid(id)) return undefined;
      const [row] = await within(
        tenant,
        async (tx) => tx`select tenant_id, id, state, format, asked, asked_by, asked_at, plan, parts, events, bytes,
            reached, unread, advanced_at, ended_at, problem
          from archive.export where tenant_id = ${tenant} and id = ${id}`,
      );
      return row && exportOf(row);
    },

    async parts(tenant, id, after, limit) {
      if (!isUuid(id)) return [];
      const rows = await within(
        tenant,
        async (tx) => tx`select part, run, events, bytes, encode(sha256, 'hex') as sha256 from archive.export_part
          where tenant_id = ${tenant} and export_id = ${id} and part > ${after} order by part limit ${limit}`,
      );
      return rows.map(partOf);
    },

    advance: (tenant, id, { after, part, unread, next }) =>
      within(tenant, async (tx) => {
        const { count } = await tx`update archive.export
          set parts = parts + ${part ? 1 : 0}, events = events + ${part?.events ?? 0}, bytes = bytes + ${part?.bytes ?? 0},
            reached = ${placeOf(next)}, unread = (unread::jsonb || ${JSON.stringify(unread)}::text::jsonb)::json,
            advanced_at = now(), state = ${next ? 'asked' : 'ready'}, ended_at = ${next ? null : tx`now()`},
            plan = ${next ? tx`plan` : null}
          where tenant_id = ${tenant} and id = ${id} and state = 'asked' and reached is not distinct from ${placeOf(after)}
            and parts = ${part ? part.part - 1 : tx`parts`}`;
        if (count === 0) return false;
        if (part) {
          await tx`insert into archive.export_part (tenant_id, export_id, part, run, events, bytes, sha256)
            values (${tenant}, ${id}, ${part.part}, ${part.run}, ${part.events}, ${part.bytes},
              decode(${part.sha256}, 'hex'))`;
        }
        return true;
      }),

    fail: (tenant, id, problem, unread) =>
      within(tenant, async (tx) => {
        const { count } = await tx`update archive.export
          set state = 'failed', ended_at = now(), problem = ${problem}, plan = null,
            unread = ${JSON.stringify(unread)}::text::json
          where tenant_id = ${tenant} and id = ${id} and state = 'asked'`;
        return count === 1;
      }),
  };
}

const placeOf = (at: Position | undefined): string | null => (at ? `${at.time}_${at.id}` : null);

function positionOf(place: string): Position {
  const cut = place.indexOf('_');
  return { time: Number(place.slice(0, cut)), id: place.slice(cut + 1) };
}

const partOf = (row: Row): EventPart => ({
  part: row.part,
  run: row.run,
  events: row.events,
  bytes: Number(row.bytes),
  sha256: row.sha256,
});

const exportOf = (row: Row): EventExport => ({
  tenant: row.tenant_id,
  id: row.id,
  state: row.state,
  format: row.format,
  asked: row.asked,
  askedBy: row.asked_by,
  askedAt: row.asked_at,
  ...(row.plan === null ? {} : { plan: row.plan }),
  parts: row.parts,
  events: Number(row.events),
  bytes: Number(row.bytes),
  ...(row.reached === null ? {} : { position: positionOf(row.reached) }),
  unread: row.unread as Unread[],
  advancedAt: row.advanced_at,
  ...(row.ended_at === null ? {} : { endedAt: row.ended_at }),
  ...(row.problem === null ? {} : { problem: row.problem }),
});
