/**
 * To whom applications belong, worked out again for those of which something changed: which item of the CMDB they are,
 * what their sources tell of them, and what files lay over it (core/costs/resolve-mapping.ts). Rows that stay as they are
 * are not written.
 */
import type { PendingQuery, Row, TransactionSql } from 'postgres';
import { cmdbMatcher } from '#core/costs/match-cmdb.ts';
import {
  addFinding,
  type Finding,
  type Found,
  findBelonging,
  type HCodeRule,
  type NameRule,
  resolveMapping,
  type SaidBy,
} from '#core/costs/resolve-mapping.ts';
import type { HCodeRow } from '#core/costs/rows.ts';
import { settingsOf } from '#core/costs/source.ts';

interface Application {
  readonly id: number;
  readonly controller: string;
  readonly source: string | null;
  readonly key: string;
  readonly name: string;
  readonly tags: Readonly<Record<string, string>>;
  readonly cmdb_item_id: number;
  readonly cmdb_rule: string;
  readonly cmdb_confidence: string;
}
interface Item {
  readonly id: number;
  readonly sys_id: string;
  readonly name: string;
  readonly attributes: Readonly<Record<string, string>>;
}

/** Works it out from `day` on, within a load's transaction. `only`: numbers of applications; all when absent. */
export async function remap(
  tx: TransactionSql,
  tenant: string,
  load: number,
  day: string,
  only: ReadonlySet<number> | undefined,
): Promise<void> {
  const wanted = only && JSON.stringify([...only]);
  const some =
    wanted === undefined ? tx`` : tx`and a.id in (select json_array_elements_text(${wanted}::text::json)::integer)`;
  const applications = (await tx`select a.id, c.key as controller, c.source_id as source, a.key, a.name, a.tags,
      a.cmdb_item_id, a.cmdb_rule, a.cmdb_confidence::text as cmdb_confidence
    from costs.application a join costs.controller c on c.tenant_id = a.tenant_id and c.id = a.controller_id
    where a.tenant_id = ${tenant} and a.id <> 0 ${some} order by a.id`) as readonly Application[];
  if (applications.length === 0) return;
  const rules = await readRules(tx, tenant);
  const items = (await tx`select id, sys_id, name, attributes from costs.cmdb_item
    where tenant_id = ${tenant} and id <> 0 and gone_at is null order by id`) as readonly Item[];
  const byId = new Map(items.map((one) => [one.id, one]));
  const match = cmdbMatcher(
    items.map((one) => ({
      ...{ id: one.id, sysId: one.sys_id, name: one.name, correlationId: one.attributes.correlation_id ?? '' },
    })),
  );
  const findings = await readFindings(tx, tenant, some);
  const explicit = await readExplicit(tx, tenant);
  const mapped = await readMapping(tx, tenant, some);

  const rematched: object[] = [];
  const refound: number[] = [];
  const found: object[] = [];
  const resolved: { id: number; rows: ReturnType<typeof resolveMapping> }[] = [];
  for (const one of applications) {
    const { item, rule, confidence } = match(one);
    const before = [one.cmdb_item_id, one.cmdb_rule, Number(one.cmdb_confidence)];
    if (before.some((value, index) => value !== [item, rule, Number(confidence)][index])) {
      rematched.push({ i: one.id, c: item, r: rule, f: confidence });
    }
    const finding = findBelonging({
      ...{ name: one.name, tags: one.tags, attributes: byId.get(item)?.attributes ?? {} },
      ...{ tagNames: rules.tags.get(one.source ?? '') ?? {}, fieldNames: rules.fields, nameRules: rules.names },
    });
    const history = findings.get(one.id) ?? [];
    const now = addFinding(history, finding, day);
    if (JSON.stringify(now) !== JSON.stringify(history)) {
      refound.push(one.id);
      for (const { fromDay, toDay, foundOn, value } of now) {
        found.push({ i: one.id, f: fromDay, t: toDay, d: foundOn, ...value });
      }
    }
    resolved.push({ id: one.id, rows: resolveMapping(now, explicit(one)) });
  }
  await writeMatches(tx, tenant, rematched);
  await writeFindings(tx, tenant, load, refound, found);
  await writeMapping(tx, tenant, load, mapped, resolved);
}

async function readRules(tx: TransactionSql, tenant: string) {
  const rows = await tx`select id, kind, settings from costs.source
    where tenant_id = ${tenant} and deleted_at is null order by id`;
  const tags = new Map<string, SaidBy>();
  const names: NameRule[] = [];
  let fields: SaidBy = {};
  for (const { id, kind, settings } of rows) {
    if (kind === 'appdynamics') tags.set(id, settingsOf('appdynamics', settings).tags);
    else if (kind === 'servicenow') fields = { ...settingsOf('servicenow', settings).fields, ...fields };
    else if (kind === 'h-code') names.push(...settingsOf('h-code', settings).names);
  }
  return { tags, names, fields };
}

type Some = PendingQuery<Row[]>;

async function readFindings(tx: TransactionSql, tenant: string, some: Some): Promise<Map<number, Found[]>> {
  const rows =
    await tx`select application_id, from_day::text as "fromDay", to_day::text as "toDay", found_on::text as "foundOn",
      sector, owner, architecture, h_code, cost_centre, h_code_rule
    from costs.finding f join costs.application a on a.tenant_id = f.tenant_id and a.id = f.application_id
    where f.tenant_id = ${tenant} ${some} order by f.application_id, f.from_day`;
  const findings = new Map<number, Found[]>();
  for (const row of rows) {
    const value: Finding = {
      ...{ sector: row.sector, owner: row.owner, architecture: row.architecture },
      ...{ hCode: row.h_code, costCentre: row.cost_centre, hCodeRule: row.h_code_rule },
    };
    const own = findings.get(row.application_id) ?? [];
    own.push({ fromDay: row.fromDay, toDay: row.toDay, foundOn: row.foundOn, value });
    findings.set(row.application_id, own);
  }
  return findings;
}

/** Rows of files that count, by the application that they name: by its name or by its key, in any case of letters. */
async function readExplicit(tx: TransactionSql, tenant: string): Promise<(one: Application) => readonly HCodeRow[]> {
  const rows =
    await tx`select line, controller, application, h_code as "hCode", cost_centre as "costCentre", sector, owner,
      architecture, from_day::text as "fromDay", to_day::text as "toDay", approved_by as "approvedBy"
    from costs.h_code_map where tenant_id = ${tenant} order by load_id, line`;
  const byName = Map.groupBy(rows as unknown as readonly HCodeRow[], ({ application }) => application.toLowerCase());
  return ({ name, key, controller }) => {
    const names = new Set([name.toLowerCase(), key.toLowerCase()]);
    const own = [...names].flatMap((one) => byName.get(one) ?? []);
    return own.filter((row) => row.controller === '' || row.controller.toLowerCase() === controller.toLowerCase());
  };
}

/** Mapping rows as one text an application, to see what changed. */
async function readMapping(tx: TransactionSql, tenant: string, some: Some): Promise<ReadonlyMap<number, string>> {
  const rows = await tx`select m.application_id as id, string_agg(concat_ws(' ', m.from_day, m.to_day, m.sector_id,
      m.owner_id, m.architecture_id, m.h_code_id, m.h_code_rule), ',' order by m.from_day) as text
    from costs.mapping m join costs.application a on a.tenant_id = m.tenant_id and a.id = m.application_id
    where m.tenant_id = ${tenant} ${some} group by m.application_id`;
  return new Map(rows.map(({ id, text }) => [id, text]));
}

async function writeMatches(tx: TransactionSql, tenant: string, matches: readonly object[]): Promise<void> {
  if (matches.length === 0) return;
  await tx`update costs.application a set cmdb_item_id = c, cmdb_rule = r, cmdb_confidence = f
    from json_to_recordset(${JSON.stringify(matches)}::text::json) as x(i integer, c integer, r text, f numeric)
    where a.tenant_id = ${tenant} and a.id = i`;
}

async function writeFindings(
  tx: TransactionSql,
  tenant: string,
  load: number,
  ids: readonly number[],
  found: readonly object[],
): Promise<void> {
  if (ids.length === 0) return;
  await tx`delete from costs.finding where tenant_id = ${tenant}
    and application_id in (select json_array_elements_text(${JSON.stringify(ids)}::text::json)::integer)`;
  await tx`insert into costs.finding (tenant_id, application_id, from_day, to_day, sector, owner, architecture, h_code,
      cost_centre, h_code_rule, found_on, load_id)
    select ${tenant}, i, f, t, sector, owner, architecture, "hCode", "costCentre", "hCodeRule", d, ${load}
    from json_to_recordset(${JSON.stringify(found)}::text::json) as x(i integer, f date, t date, d date, sector text, owner text,
      architecture text, "hCode" text, "costCentre" text, "hCodeRule" text)`;
}

async function writeMapping(
  tx: TransactionSql,
  tenant: string,
  load: number,
  mapped: ReadonlyMap<number, string>,
  resolved: readonly { readonly id: number; readonly rows: ReturnType<typeof resolveMapping> }[],
): Promise<void> {
  const values = resolved.flatMap(({ rows }) => rows.map(({ value }) => value));
  const sectors = await namesOf(
    tx,
    tenant,
    'sector',
    values.map(({ sector }) => sector),
  );
  const owners = await namesOf(
    tx,
    tenant,
    'owner',
    values.map(({ owner }) => owner),
  );
  const kinds = await namesOf(
    tx,
    tenant,
    'architecture',
    values.map(({ architecture }) => architecture),
  );
  const codes = await codesOf(tx, tenant, new Map(values.map(({ hCode, costCentre }) => [hCode, costCentre])));
  const changed: number[] = [];
  const written: object[] = [];
  for (const { id, rows } of resolved) {
    const numbers = rows.map(({ fromDay, toDay, value }) => ({
      ...{ i: id, f: fromDay, t: toDay, s: sectors.get(value.sector)!, o: owners.get(value.owner)! },
      ...{ a: kinds.get(value.architecture)!, h: codes.get(value.hCode)!, r: value.hCodeRule satisfies HCodeRule },
    }));
    const text = numbers.map(({ f, t, s, o, a, h, r }) => [f, t, s, o, a, h, r].join(' ')).join(',');
    if (mapped.get(id) === text) continue;
    changed.push(id);
    written.push(...numbers);
  }
  if (changed.length === 0) return;
  await tx`delete from costs.mapping where tenant_id = ${tenant}
    and application_id in (select json_array_elements_text(${JSON.stringify(changed)}::text::json)::integer)`;
  await tx`insert into costs.mapping (tenant_id, application_id, from_day, to_day, sector_id, owner_id, architecture_id,
      h_code_id, h_code_rule, load_id)
    select ${tenant}, i, f, t, s, o, a, h, r, ${load} from json_to_recordset(${JSON.stringify(written)}::text::json)
      as x(i integer, f date, t date, s integer, o integer, a integer, h integer, r text)`;
}

/** Numbers of names, made where there are none; '' is 0. */
async function namesOf(
  tx: TransactionSql,
  tenant: string,
  table: 'sector' | 'owner' | 'architecture',
  names: readonly string[],
): Promise<ReadonlyMap<string, number>> {
  const wanted = [...new Set(names)].filter((name) => name !== '');
  const into = tx(`costs.${table}`);
  const given = JSON.stringify(wanted);
  await tx`insert into ${into} (tenant_id, id, name)
    select ${tenant}, (select max(id) from ${into} where tenant_id = ${tenant}) + row_number() over (order by n), n
    from json_array_elements_text(${given}::text::json) n
    where not exists (select from ${into} where tenant_id = ${tenant} and name = n)`;
  const rows = await tx`select id, name from ${into} where tenant_id = ${tenant}
    and name in (select json_array_elements_text(${given}::text::json))`;
  return new Map([['', 0], ...rows.map(({ id, name }) => [name, id] as const)]);
}

/** The same for H-codes; the cost centre is the last one that was told. */
async function codesOf(
  tx: TransactionSql,
  tenant: string,
  codes: ReadonlyMap<string, string>,
): Promise<ReadonlyMap<string, number>> {
  const given = JSON.stringify([...codes].filter(([code]) => code !== '').map(([c, z]) => ({ c, z })));
  const rows = tx`select * from json_to_recordset(${given}::text::json) as x(c text, z text)`;
  await tx`with given as (${rows}) update costs.h_code h set cost_centre = z from given
    where h.tenant_id = ${tenant} and h.code = c and z <> '' and h.cost_centre <> z`;
  await tx`with given as (${rows}) insert into costs.h_code (tenant_id, id, code, cost_centre)
    select ${tenant}, (select max(id) from costs.h_code where tenant_id = ${tenant}) + row_number() over (order by c), c, z
    from given where not exists (select from costs.h_code h where h.tenant_id = ${tenant} and h.code = c)`;
  const found = await tx`with given as (${rows}) select h.id, h.code from costs.h_code h join given on h.code = c
    where h.tenant_id = ${tenant}`;
  return new Map([['', 0], ...found.map(({ id, code }) => [code, id] as const)]);
}
