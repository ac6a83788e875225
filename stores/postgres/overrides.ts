/** Overrides in Postgres: rows that are never changed, and what counts because of them. */
import type { Row, Sql, TransactionSql } from 'postgres';
import {
  type Dimension,
  dimensions,
  type Override,
  type OverrideState,
  type Overrides,
  type OverrideTerms,
} from '#core/costs/override.ts';
import type { JsonObject } from '#core/event/event.ts';
import { fail, ok, type Result } from '#core/event/problem.ts';
import { isUuid, withTenants } from './connect.ts';
import { isDuplicate } from './unavailable.ts';

/** Ranges and amounts of what counted before that a proposal tells of; a year has twelve months. */
const beforeMax = 50;

/** Opens the overrides; what each method promises is in core/costs/override.ts. */
export function createOverrides(sql: Sql, contextKey: Uint8Array): Overrides {
  const within = <T>(tenant: string, fn: (tx: TransactionSql) => Promise<T>) =>
    withTenants(sql, contextKey, [tenant], new Date(), fn);
  const get = async (tenant: string, id: string) => {
    if (!isUuid(id)) return undefined;
    const [row] = await within(
      tenant,
      async (tx) => tx`${overrides(tx)} where o.tenant_id = ${tenant} and o.id = ${id}`,
    );
    return row && overrideOf(row);
  };
  return {
    prepare: (tenant, id, terms, by) =>
      within(tenant, async (tx) => {
        const [known] =
          await tx`select name from costs.application where tenant_id = ${tenant} and id = ${terms.application}`;
        if (!known) {
          return terms.application === 0
            ? fail('conflict', 'Nothing was loaded for this tenant yet.')
            : fail('request_invalid', 'There is no application with this number.', '/application');
        }
        const named = await memberIds(tx, tenant, terms);
        if (!named.ok) return named;
        const before = await beforeOf(tx, tenant, terms, named.value);
        return ok({ ...terms, ...by, tenant, id, applicationName: known.name, before, after: afterOf(terms) });
      }),

    async propose(prepared) {
      const { tenant, id, kind, application, from, to, controller, expiresAt } = prepared;
      await within(tenant, async (tx) => {
        const named = await memberIds(tx, tenant, prepared);
        // A member is never removed, so what was there when it was prepared is there still.
        if (!named.ok) throw new Error(named.fault.detail);
        const { sector = null, owner = null, architecture = null, h_code: hCode = null } = named.value;
        await tx`insert into costs.override (tenant_id, id, kind, application_id, from_day, to_day, sector_id, owner_id,
            architecture_id, h_code_id, controller_id, measure, amount, currency, before, after, reason, proposed_by,
            proposed_at, expires_at)
          values (${tenant}, ${id}, ${kind}, ${application}, ${from}::text::date, ${to ?? 'infinity'}::text::date,
            ${sector}, ${owner}, ${architecture}, ${hCode}, ${controller}, ${prepared.measure ?? null},
            ${prepared.amount ?? null}::text::numeric, ${prepared.currency ?? null},
            ${JSON.stringify(prepared.before)}::text::json, ${JSON.stringify(prepared.after)}::text::json,
            ${prepared.reason}, ${prepared.proposedBy}, ${prepared.proposedAt}, ${expiresAt ?? null})`;
      });
      return { ...prepared, decisions: [] };
    },

    get,

    async list(tenant, { state, application, kind, before, limit }, now) {
      if (before !== undefined && !isUuid(before)) return [];
      const rows = await within(
        tenant,
        async (tx) => tx`${overrides(tx)} where o.tenant_id = ${tenant}
          ${application === undefined ? tx`` : tx`and o.application_id = ${application}`}
          ${kind === undefined ? tx`` : tx`and o.kind = ${kind}`} ${before === undefined ? tx`` : tx`and o.id < ${before}`}
          ${state === undefined ? tx`` : inState(tx, state, now)} order by o.id desc limit ${limit}`,
      );
      return rows.map(overrideOf);
    },

    async decide(tenant, id, { decision, by, at, note }) {
      if (!isUuid(id)) return undefined;
      const decided = await within(tenant, async (tx) => {
        // Whoever approves and whoever withdraws meet in one order.
        await tx`select pg_advisory_xact_lock(hashtextextended(${`costs override ${id}`}, 0))`;
        const { count } = await tx`insert into costs.override_decision
            (tenant_id, override_id, decision, proposed_by, decided_by, decided_at, note)
          select tenant_id, id, ${decision}, proposed_by, ${by}, ${at}, ${note} from costs.override
          where tenant_id = ${tenant} and id = ${id} and not exists (
            select from costs.override_decision d where d.tenant_id = ${tenant} and d.override_id = ${id}
              and (d.decision <> 'approved' or ${decision} <> 'withdrawn'))`;
        return count === 1;
      }).catch((error: unknown) => {
        if (isDuplicate(error)) return false;
        throw error;
      });
      return decided ? get(tenant, id) : undefined;
    },
  };
}

type MemberIds = Partial<Record<Dimension, number>>;

/** Numbers of the members that terms name; a mapping's or cost's unnamed ones are absent. */
async function memberIds(
  tx: TransactionSql,
  tenant: string,
  { set, controller }: OverrideTerms,
): Promise<Result<MemberIds>> {
  const ids: MemberIds = {};
  for (const dimension of dimensions) {
    const name = set[dimension];
    if (name === undefined) continue;
    const [row] =
      name === null
        ? [{ id: 0 }]
        : await tx`select id from costs.${tx(dimension)}
      where tenant_id = ${tenant} and ${tx(dimension === 'h_code' ? 'code' : 'name')} = ${name}`;
    if (!row) return fail('request_invalid', `There is no ${dimension} with this name.`, `/set/${dimension}`);
    ids[dimension] = row.id;
  }
  const [known] = await tx`select from costs.controller where tenant_id = ${tenant} and id = ${controller}`;
  return known ? ok(ids) : fail('request_invalid', 'There is no controller with this number.', '/controller');
}

/** What counts now where the terms want it otherwise. */
async function beforeOf(tx: TransactionSql, tenant: string, terms: OverrideTerms, ids: MemberIds): Promise<JsonObject> {
  const { kind, application, from } = terms;
  const to = terms.to ?? 'infinity';
  if (kind === 'mapping') {
    const rows =
      await tx`select greatest(m.from_day, ${from}::text::date)::text as "from", least(m.to_day, ${to}::text::date)::text as "to",
        s.name as sector, w.name as owner, a.name as architecture, h.code as h_code
      from costs.mapping_in_effect m
      join costs.sector s on s.tenant_id = m.tenant_id and s.id = m.sector_id
      join costs.owner w on w.tenant_id = m.tenant_id and w.id = m.owner_id
      join costs.architecture a on a.tenant_id = m.tenant_id and a.id = m.architecture_id
      join costs.h_code h on h.tenant_id = m.tenant_id and h.id = m.h_code_id
      where m.tenant_id = ${tenant} and m.application_id = ${application}
        and m.from_day < ${to}::text::date and m.to_day > ${from}::text::date
      order by m.from_day limit ${beforeMax}`;
    return { mapping: rows.map((row) => ({ ...row })) };
  }
  if (kind === 'usage') {
    const [row] = await tx`select coalesce(sum(amount), 0)::text as amount, count(distinct day)::int as days
      from costs.usage_in_effect where tenant_id = ${tenant} and application_id = ${application}
        and measure = ${terms.measure!} and day >= ${from}::text::date and day < ${to}::text::date`;
    return { amount: row!.amount, days: row!.days };
  }
  const { sector, owner, architecture, h_code: hCode } = ids;
  const borne = (column: string, id: number | undefined) => (id === undefined ? tx`` : tx`and ${tx(column)} = ${id}`);
  const [row] = await tx`select coalesce(sum(effective), 0)::text as effective, coalesce(sum(billed), 0)::text as billed
    from costs.charge_in_effect where tenant_id = ${tenant} and day >= ${from}::text::date and day < ${to}::text::date
      and currency = ${terms.currency!} ${application === 0 ? tx`` : tx`and application_id = ${application}`}
      ${borne('sector_id', sector)} ${borne('owner_id', owner)} ${borne('architecture_id', architecture)}
      ${borne('h_code_id', hCode)}`;
  return { effective: row!.effective, billed: row!.billed, currency: terms.currency! };
}

function afterOf({ kind, set, measure, amount, currency }: OverrideTerms): JsonObject {
  if (kind === 'mapping') return { mapping: set as JsonObject };
  if (kind === 'usage') return { measure: measure!, amount: amount!, per: 'day' };
  return {
    added: amount!,
    currency: currency!,
    ...(Object.keys(set).length > 0 ? { borne_by: set as JsonObject } : {}),
  };
}

const overrides = (tx: TransactionSql) => tx`select o.tenant_id, o.id, o.kind, o.application_id, a.name as application,
    o.from_day::text, nullif(o.to_day, 'infinity')::text as to_day, o.sector_id, s.name as sector, o.owner_id,
    w.name as owner, o.architecture_id, c.name as architecture, o.h_code_id, h.code as h_code, o.controller_id,
    o.measure, o.amount::text, o.currency, o.before, o.after, o.reason, o.proposed_by, o.proposed_at, o.expires_at,
    (select json_agg(json_build_object('decision', d.decision, 'by', d.decided_by, 'at', d.decided_at, 'note', d.note)
        order by d.step)
      from costs.override_decision d where d.tenant_id = o.tenant_id and d.override_id = o.id) as decisions
  from costs.override o
  join costs.application a on a.tenant_id = o.tenant_id and a.id = o.application_id
  left join costs.sector s on s.tenant_id = o.tenant_id and s.id = o.sector_id
  left join costs.owner w on w.tenant_id = o.tenant_id and w.id = o.owner_id
  left join costs.architecture c on c.tenant_id = o.tenant_id and c.id = o.architecture_id
  left join costs.h_code h on h.tenant_id = o.tenant_id and h.id = o.h_code_id`;

/** The same as `overrideState` of core/costs/override.ts. */
function inState(tx: TransactionSql, state: OverrideState, now: Date) {
  const decided = (decision: string) => tx`exists (select from costs.override_decision d
    where d.tenant_id = o.tenant_id and d.override_id = o.id and d.decision = ${decision})`;
  const over = tx`o.expires_at <= ${now}`;
  const open = tx`not ${decided('refused')} and not ${decided('withdrawn')}`;
  switch (state) {
    case 'refused':
      return tx`and ${decided('refused')} and not ${decided('withdrawn')}`;
    case 'withdrawn':
      return tx`and ${decided('withdrawn')}`;
    case 'expired':
      return tx`and ${open} and ${over}`;
    case 'approved':
      return tx`and ${open} and ${decided('approved')} and ${over} is not true`;
    case 'proposed':
      return tx`and ${open} and not ${decided('approved')} and ${over} is not true`;
  }
}

function overrideOf(row: Row): Override {
  const set: { -readonly [D in Dimension]?: string | null } = {};
  for (const dimension of dimensions) {
    const id = row[`${dimension}_id`] as number | null;
    if (id !== null) set[dimension] = id === 0 ? null : row[dimension];
  }
  return {
    tenant: row.tenant_id,
    id: row.id,
    kind: row.kind,
    application: row.application_id,
    applicationName: row.application,
    from: row.from_day,
    to: row.to_day ?? undefined,
    set,
    controller: row.controller_id,
    ...(row.measure === null ? {} : { measure: row.measure }),
    ...(row.amount === null ? {} : { amount: row.amount }),
    ...(row.currency === null ? {} : { currency: row.currency }),
    before: row.before,
    after: row.after,
    reason: row.reason,
    proposedBy: row.proposed_by,
    proposedAt: row.proposed_at,
    ...(row.expires_at === null ? {} : { expiresAt: row.expires_at }),
    decisions: (
      (row.decisions ?? []) as {
        decision: 'approved' | 'refused' | 'withdrawn';
        by: string;
        at: string;
        note: string;
      }[]
    ).map(({ decision, by, at, note }) => ({ decision, by, at: new Date(at), note })),
  };
}
