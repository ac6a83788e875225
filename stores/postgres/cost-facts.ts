/** Facts of a load: each kind of rows in one statement, as one parameter (measured: 92 % of COPY, which RLS forbids). */
import type { TransactionSql } from 'postgres';
import type { Chunk } from '#core/costs/rows.ts';
import type { CostDimensions } from './cost-dimensions.ts';

/** Inserts a chunk's facts; the number of rows. Its dimensions were taken in before. */
export async function insertFacts(
  tx: TransactionSql,
  tenant: string,
  load: number,
  dimensions: CostDimensions,
  { usage = [], licences = [], charges = [], hCodes = [] }: Chunk,
): Promise<number> {
  await dimensions.know([...usage, ...charges.flatMap((one) => (one.application ? [one.application] : []))]);
  if (usage.length > 0) {
    const rows = usage.map((one) => [one.day, dimensions.application(one), one.measure, one.amount, one.estimated]);
    await tx`insert into costs.usage_daily (tenant_id, load_id, day, application_id, measure, amount, estimated)
      select ${tenant}, ${load}, (r->>0)::date, (r->>1)::integer, r->>2, (r->>3)::numeric, (r->>4)::boolean
      from json_array_elements(${JSON.stringify(rows)}::text::json) r`;
  }
  if (licences.length > 0) {
    const rows = licences.map((one) => ({
      ...{ d: one.day, c: dimensions.controller(one.controller), p: one.package, o: one.provisioned },
      ...{ a: one.usedAvg, m: one.usedMax, e: one.estimated },
    }));
    await tx`insert into costs.licence_daily (tenant_id, load_id, day, controller_id, package, provisioned, used_avg,
        used_max, estimated)
      select ${tenant}, ${load}, d, c, p, o, a, m, e from json_to_recordset(${JSON.stringify(rows)}::text::json)
        as x(d date, c integer, p text, o numeric, a numeric, m numeric, e boolean)`;
  }
  if (charges.length > 0) {
    const rows = charges.map((one) => ({
      ...{ l: one.line, d: one.day, a: dimensions.application(one.application) },
      c: one.controller === undefined ? 0 : dimensions.controller(one.controller),
      ...{ g: one.chargeCategory, h: one.chargeClass, p: one.provider, s: one.serviceCategory, n: one.serviceName },
      ...{ u: one.subAccount, r: one.region, o: one.resource, y: one.currency },
      ...{ b: one.billed, e: one.effective, k: one.contracted, t: one.list },
    }));
    await tx`insert into costs.cost_daily (tenant_id, load_id, line, day, application_id, controller_id,
        charge_category, charge_class, provider, service_category, service_name, sub_account, region, resource, currency,
        billed, effective, contracted, list)
      select ${tenant}, ${load}, l, d, a, c, g, h, p, s, n, u, r, o, y, b, e, k, t
      from json_to_recordset(${JSON.stringify(rows)}::text::json) as x(l integer, d date, a integer, c integer, g text,
        h text, p text, s text, n text, u text, r text, o text, y text, b numeric, e numeric, k numeric, t numeric)`;
  }
  if (hCodes.length > 0) {
    const rows = hCodes.map((one) => ({
      ...{ l: one.line, c: one.controller, a: one.application, h: one.hCode, z: one.costCentre, s: one.sector },
      ...{ o: one.owner, r: one.architecture, f: one.fromDay, t: one.toDay, b: one.approvedBy },
    }));
    await tx`insert into costs.h_code_map (tenant_id, load_id, line, controller, application, h_code, cost_centre, sector,
        owner, architecture, from_day, to_day, approved_by)
      select ${tenant}, ${load}, l, c, a, h, z, s, o, r, f, t, b
      from json_to_recordset(${JSON.stringify(rows)}::text::json) as x(l integer, c text, a text, h text, z text, s text,
        o text, r text, f date, t date, b text)`;
  }
  return usage.length + licences.length + charges.length + hCodes.length;
}

/** What an earlier load of a slice had made. */
export async function deleteFacts(tx: TransactionSql, tenant: string, load: number): Promise<void> {
  await tx`delete from costs.usage_daily where tenant_id = ${tenant} and load_id = ${load}`;
  await tx`delete from costs.licence_daily where tenant_id = ${tenant} and load_id = ${load}`;
  await tx`delete from costs.cost_daily where tenant_id = ${tenant} and load_id = ${load}`;
  await tx`delete from costs.h_code_map where tenant_id = ${tenant} and load_id = ${load}`;
}
