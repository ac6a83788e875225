/**
 * The dimensions of costs, by the words of who knows them. Everything here runs inside a load's transaction, which holds
 * the tenant's lock: numbers are given out one after the other, and nobody else gives out any.
 */
import { createHash } from 'node:crypto';
import type { TransactionSql } from 'postgres';
import type { ApplicationName, ApplicationRow, Chunk, CmdbRow } from '#core/costs/rows.ts';

/** A name longer than that is cut: it is for people, and keys are whole. */
const longest = 500;

export class CostDimensions {
  /** Applications that are new, or of which something changed that decides to whom they belong. */
  readonly touched = new Set<number>();
  /** Something changed that decides it for all. */
  allTouched = false;
  readonly #tx: TransactionSql;
  readonly #tenant: string;
  readonly #source: string;
  readonly #at: Date;
  #controllers = new Map<string, number>();
  readonly #applications = new Map<string, number>();

  constructor(tx: TransactionSql, tenant: string, source: string, at: Date) {
    this.#tx = tx;
    this.#tenant = tenant;
    this.#source = source;
    this.#at = at;
  }

  /** Makes the members 0, "(unmapped)", where they are not there yet, and reads what there is. */
  async open(): Promise<void> {
    const [tx, tenant] = [this.#tx, this.#tenant];
    const rows = await tx`select id, controller_id, key from costs.application where tenant_id = ${tenant}`;
    // The last of the members that are made below.
    if (!rows.some(({ id }) => id === 0)) await this.#makeUnmapped();
    await this.#readControllers();
    for (const { id, controller_id: controller, key } of rows) this.#applications.set(`${controller} ${key}`, id);
  }

  async #makeUnmapped(): Promise<void> {
    const [tx, tenant, none] = [this.#tx, this.#tenant, '(unmapped)'];
    await tx`insert into costs.controller (tenant_id, id, key, name) values (${tenant}, 0, '', ${none})
      on conflict do nothing`;
    await tx`insert into costs.sector (tenant_id, id, name) values (${tenant}, 0, ${none}) on conflict do nothing`;
    await tx`insert into costs.owner (tenant_id, id, name) values (${tenant}, 0, ${none}) on conflict do nothing`;
    await tx`insert into costs.architecture (tenant_id, id, name) values (${tenant}, 0, ${none}) on conflict do nothing`;
    await tx`insert into costs.h_code (tenant_id, id, code, cost_centre) values (${tenant}, 0, ${none}, '')
      on conflict do nothing`;
    await tx`insert into costs.cmdb_item (tenant_id, id, sys_id, class, name, attributes, hash, seen_at)
      values (${tenant}, 0, '', '', ${none}, '{}', '\\x', ${this.#at}) on conflict do nothing`;
    await tx`insert into costs.application (tenant_id, id, controller_id, key, name, seen_at)
      values (${tenant}, 0, 0, '', ${none}, ${this.#at}) on conflict do nothing`;
  }

  /** Takes a chunk's controllers, applications and items in. */
  async take(chunk: Chunk): Promise<void> {
    await this.#takeControllers(chunk.controllers ?? []);
    // An application of a bill is what its key says: one that is known has nothing new.
    const told = (chunk.applications ?? []).filter(
      (one) => one.controller !== '' || !this.#applications.has(`0 ${one.key}`),
    );
    if (told.length > 0) await this.#takeApplications(told);
    if (chunk.cmdb) await this.#takeItems(chunk.cmdb);
  }

  /** The number of a controller; 0 for the bill's. */
  controller(key: string): number {
    const id = this.#controllers.get(key);
    if (id === undefined) throw new Error('a row names a controller that its slice does not');
    return id;
  }

  /** Makes the applications that facts name and nobody has told of yet. */
  async know(names: readonly ApplicationName[]): Promise<void> {
    const missing = new Map<string, ApplicationRow>();
    for (const { controller, key } of names) {
      const place = `${this.controller(controller)} ${key}`;
      if (!this.#applications.has(place)) missing.set(place, { controller, key, name: key });
    }
    if (missing.size > 0) await this.#takeApplications([...missing.values()]);
  }
  application(name: ApplicationName | undefined): number {
    if (!name) return 0;
    return this.#applications.get(`${this.controller(name.controller)} ${name.key}`)!;
  }

  async #readControllers(): Promise<void> {
    const rows = await this.#tx`select id, key from costs.controller where tenant_id = ${this.#tenant}`;
    this.#controllers = new Map(rows.map(({ id, key }) => [key, id]));
  }

  async #takeControllers(controllers: NonNullable<Chunk['controllers']>): Promise<void> {
    for (const { key, name } of controllers) {
      await this.#tx`insert into costs.controller (tenant_id, id, key, name, source_id)
        select ${this.#tenant}, max(id) + 1, ${key}, ${name}, ${this.#source} from costs.controller
          where tenant_id = ${this.#tenant}
        on conflict (tenant_id, key) do update set name = excluded.name, source_id = excluded.source_id
          where (controller.name, controller.source_id) is distinct from (excluded.name, excluded.source_id)`;
    }
    if (controllers.length > 0) await this.#readControllers();
  }

  async #takeApplications(applications: readonly ApplicationRow[]): Promise<void> {
    const [tx, tenant] = [this.#tx, this.#tenant];
    const given = JSON.stringify(
      applications.map((one) => ({
        ...{ c: this.controller(one.controller), k: one.key, n: one.name.slice(0, longest) },
        ...{ t: one.tiers, o: one.nodes, g: one.tags },
      })),
    );
    const rows = tx`select distinct on (c, k) * from json_to_recordset(${given}::text::json)
      as x(c integer, k text, n text, t integer, o integer, g json)`;
    const changed = await tx`with given as (${rows})
      update costs.application a set name = n, tiers = coalesce(t, a.tiers), nodes = coalesce(o, a.nodes),
        tags = coalesce(g, a.tags), seen_at = ${this.#at}
      from given where a.tenant_id = ${tenant} and a.controller_id = c and a.key = k
        and (a.name, a.tiers, a.nodes, a.tags::text)
          is distinct from (n, coalesce(t, a.tiers), coalesce(o, a.nodes), coalesce(g, a.tags)::text)
      returning a.id`;
    const made = await tx`with given as (${rows})
      insert into costs.application (tenant_id, id, controller_id, key, name, tiers, nodes, tags, seen_at)
      select ${tenant}, (select max(id) from costs.application where tenant_id = ${tenant}) + row_number() over (order by c, k),
        c, k, n, coalesce(t, 0), coalesce(o, 0), coalesce(g, '{}'), ${this.#at}
      from given where not exists (
        select from costs.application a where a.tenant_id = ${tenant} and a.controller_id = c and a.key = k)
      returning id, controller_id, key`;
    for (const { id } of changed) this.touched.add(id);
    for (const { id, controller_id: controller, key } of made) {
      this.touched.add(id);
      this.#applications.set(`${controller} ${key}`, id);
    }
  }

  async #takeItems(items: readonly CmdbRow[]): Promise<void> {
    const [tx, tenant] = [this.#tx, this.#tenant];
    const given = JSON.stringify(
      items.map(({ sysId, class: kind, name, attributes, gone }) => {
        const hash = createHash('sha256')
          .update(JSON.stringify([kind, name, attributes, gone]))
          .digest('hex');
        return { s: sysId, c: kind, n: name.slice(0, longest), a: attributes, h: hash, g: gone };
      }),
    );
    const rows = tx`select distinct on (s) * from json_to_recordset(${given}::text::json)
      as x(s text, c text, n text, a json, h text, g boolean)`;
    const changed = await tx`with given as (${rows})
      update costs.cmdb_item i set class = c, name = n, attributes = a, hash = decode(h, 'hex'), seen_at = ${this.#at},
        gone_at = case when g then coalesce(i.gone_at, ${this.#at}) end
      from given where i.tenant_id = ${tenant} and i.sys_id = s and i.hash <> decode(h, 'hex') returning i.id`;
    const made = await tx`with given as (${rows})
      insert into costs.cmdb_item (tenant_id, id, sys_id, class, name, attributes, hash, seen_at, gone_at)
      select ${tenant}, (select max(id) from costs.cmdb_item where tenant_id = ${tenant}) + row_number() over (order by s),
        s, c, n, a, decode(h, 'hex'), ${this.#at}, case when g then ${this.#at}::timestamptz end
      from given where not exists (select from costs.cmdb_item i where i.tenant_id = ${tenant} and i.sys_id = s)
      returning id`;
    if (changed.length + made.length > 0) this.allTouched = true;
  }
}
