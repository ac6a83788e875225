/** A small star of costs for tests: applications, to whom they belong, and what was loaded for them. */
import { randomUUID } from 'node:crypto';
import type { Sql } from 'postgres';

export interface CostsMaker {
  /** Number of a member, made when it is not there. */
  member(dimension: 'sector' | 'owner' | 'architecture' | 'h_code' | 'controller', name: string): Promise<number>;
  application(name: string): Promise<number>;
  /** To whom it belongs on the days of [from, to). */
  map(
    application: number,
    to: { readonly sector?: string; readonly owner?: string; readonly architecture?: string; readonly h_code?: string },
    days?: { readonly from?: string; readonly to?: string },
  ): Promise<void>;
  /** A load with these charges; its number. */
  load(charges: readonly Charge[], more?: { readonly slice?: string }): Promise<number>;
  usage(load: number, day: string, application: number, measure: string, amount: string): Promise<void>;
}
export interface Charge {
  readonly day: string;
  readonly application?: number;
  readonly controller?: number;
  readonly currency?: string;
  readonly billed: string;
  /** As billed when absent. */
  readonly effective?: string;
  readonly category?: string;
  readonly service?: string;
}

/** A tenant's maker, with member 0 of every dimension, as its first load makes them. */
export async function costsMaker(owner: Sql, tenant: string): Promise<CostsMaker> {
  const source = randomUUID();
  await owner`insert into costs.controller values (${tenant}, 0, '', '(unmapped)')`;
  for (const name of ['sector', 'owner', 'architecture']) {
    await owner`insert into costs.${owner(name)} values (${tenant}, 0, '(unmapped)')`;
  }
  await owner`insert into costs.h_code values (${tenant}, 0, '(unmapped)', '')`;
  await owner`insert into costs.cmdb_item values (${tenant}, 0, '', '', '(unmapped)', '{}', '', now())`;
  await owner`insert into costs.application (tenant_id, id, key, name, seen_at) values (${tenant}, 0, '', '(unmapped)', now())`;
  await owner`insert into costs.source values (${tenant}, ${source}, 'focus', 'bill', '{}', 'test', now(), now())`;
  const idOf = async (table: string, column: string, name: string, more: Readonly<Record<string, string>> = {}) => {
    const row = { tenant_id: tenant, [column]: name, ...more };
    await owner`insert into costs.${owner(table)} ${owner({ ...row, id: await next(table) })} on conflict do nothing`;
    const [found] =
      await owner`select id from costs.${owner(table)} where tenant_id = ${tenant} and ${owner(column)} = ${name}`;
    return found!.id as number;
  };
  const next = async (table: string) =>
    (await owner`select coalesce(max(id), 0) + 1 as id from costs.${owner(table)} where tenant_id = ${tenant}`)[0]!
      .id as number;
  const maker: CostsMaker = {
    member: (dimension, name) => {
      if (dimension === 'h_code') return idOf('h_code', 'code', name, { cost_centre: `CC ${name}` });
      if (dimension === 'controller') return idOf('controller', 'key', name, { name });
      return idOf(dimension, 'name', name);
    },
    application: async (name) => idOf('application', 'key', name, { name, seen_at: '2026-01-01' }),
    async map(application, to, { from = '2026-01-01', to: end = 'infinity' } = {}) {
      const id = (dimension: 'sector' | 'owner' | 'architecture' | 'h_code') =>
        to[dimension] === undefined ? 0 : maker.member(dimension, to[dimension]);
      const ids = [await id('sector'), await id('owner'), await id('architecture'), await id('h_code')] as const;
      await owner`insert into costs.mapping values (${tenant}, ${application}, ${from}::text::date, ${end}::text::date, ${ids[0]}, ${ids[1]},
        ${ids[2]}, ${ids[3]}, ${to.h_code === undefined ? 'none' : 'tag'}, 0)`;
    },
    async load(charges, { slice = randomUUID() } = {}) {
      const days = charges.map(({ day }) => day).sort();
      const [made] = await owner`insert into costs.load (tenant_id, source_id, run_id, stream, slice, sha256, from_day,
          to_day, rows_read, rows_written, rows_rejected, loaded_at)
        values (${tenant}, ${source}, ${randomUUID()}, 'file', ${slice}, sha256(${Buffer.from(randomUUID())}),
          ${days[0] ?? '2026-01-01'}, ${days.at(-1) ?? '2026-01-01'}, ${charges.length}, ${charges.length}, 0,
          '2026-11-02T03:00:00Z') returning id`;
      for (const [line, one] of charges.entries()) {
        const effective = one.effective ?? one.billed;
        await owner`insert into costs.cost_daily (tenant_id, load_id, line, day, application_id, controller_id,
            charge_category, provider, service_category, service_name, currency, billed, effective, contracted, list)
          values (${tenant}, ${made!.id}, ${line + 1}, ${one.day}, ${one.application ?? 0}, ${one.controller ?? 0},
            ${one.category ?? 'Usage'}, 'AWS', 'Compute', ${one.service ?? 'EC2'}, ${one.currency ?? 'EUR'},
            ${one.billed}, ${effective}, ${one.billed}, ${one.billed})`;
      }
      return made!.id;
    },
    async usage(load, day, application, measure, amount) {
      await owner`insert into costs.usage_daily values (${tenant}, ${load}, ${day}, ${application}, ${measure}, ${amount})`;
    },
  };
  return maker;
}
