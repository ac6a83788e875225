/** Two PostgreSQL servers as two shards, and who works on them. */
import { chmodSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Sql } from 'postgres';
import { Unavailable } from '#core/record/ports.ts';
import { type LocalPostgres, startPostgres } from '#local/postgres.ts';
import { connect } from '#stores/postgres/connect.ts';
import { createCriticalEvents } from '#stores/postgres/critical-events.ts';
import { createLedger } from '#stores/postgres/ledger.ts';
import { admitMover } from '#stores/postgres/migrate.ts';
import { Shards } from '#stores/postgres/shards.ts';
import { createTenantRegistry } from '#stores/postgres/tenants.ts';
import { contextKey, prepareTemplate, type TestDatabase, testDatabase } from '#test/support/postgres.ts';
import { batchOf, made, uuid7 } from '../made.ts';

const shardsSql = readFileSync(new URL('../../../../sql/shards.sql', import.meta.url), 'utf8');

export class TwoClusters {
  readonly dbs: readonly TestDatabase[];
  readonly movers: readonly Sql[];
  readonly second: LocalPostgres;
  readonly #folder: string;

  private constructor(dbs: readonly TestDatabase[], second: LocalPostgres, folder: string) {
    this.dbs = dbs;
    this.movers = dbs.map((db) => db.login('trailkeep_mover', 4));
    this.second = second;
    this.#folder = folder;
  }

  static async start(): Promise<TwoClusters> {
    const folder = mkdtempSync(join(tmpdir(), 'trailkeep-shards-'));
    // PostgreSQL runs as another user when the tests run as root.
    chmodSync(folder, 0o711);
    const second = await startPostgres({ folder: join(folder, 'shard-1'), durable: false });
    await prepareTemplate(second);
    const dbs = [await testDatabase('main'), await testDatabase('shard_1', second)];
    for (const [shard, db] of dbs.entries()) await admitMover(db.ownerSql, shardsSql, shard);
    return new TwoClusters(dbs, second, folder);
  }

  async stop(): Promise<void> {
    for (const db of this.dbs) await db.drop().catch(() => {});
    await this.second.stop();
    rmSync(this.#folder, { recursive: true, force: true });
  }

  async newTenant(): Promise<string> {
    const id = uuid7(Date.now());
    const app = this.dbs[0]!.login('trailkeep_app', 1);
    await createTenantRegistry(app, contextKey).create({ id, name: 'T', createdAt: new Date() });
    return id;
  }

  /** An execution environment: its own pools, its own memory of where tenants are. */
  environment(user: Parameters<TestDatabase['login']>[0] = 'trailkeep_app', rememberMs = 60_000) {
    const clusters = this.dbs.map(({ host, port, database }) =>
      connect({ host, port, database, user, sslMode: 'disable' }),
    );
    const shards = new Shards({ clusters, clock: () => performance.now(), rememberMs });
    const sql = shards.sql();
    return {
      clusters,
      sql,
      ledger: createLedger(sql, contextKey),
      critical: createCriticalEvents(sql, contextKey),
      close: () => Promise.all(clusters.map((one) => one.end({ timeout: 1 }))),
    };
  }

  /** Asks for a move as an operator does. */
  async ask(tenant: string, to: number): Promise<void> {
    const { ownerSql } = this.dbs[0]!;
    await ownerSql`insert into access.move (tenant_id, from_shard, to_shard, step, asked_by, asked_at, stepped_at)
      select tenant_id, shard, ${to}, 'copying', 'test', now(), now() from access.tenant where tenant_id = ${tenant}
      on conflict (tenant_id) do update set from_shard = excluded.from_shard, to_shard = excluded.to_shard,
        step = 'copying', stepped_at = now()`;
  }

  /** What a tenant has on a shard: its parts by number, its critical events by id. */
  async stored(shard: number, tenant: string) {
    const { ownerSql } = this.dbs[shard]!;
    const parts = await ownerSql`select seq::int, first_leaf::int, events, tier from record.segment_part
      where tenant_id = ${tenant} order by seq`;
    const events = await ownerSql`select id from record.event where tenant_id = ${tenant}`;
    return { parts: [...parts], ids: events.map((row) => String(row.id)).sort() };
  }
}

/** Sends messages one after the other until told to stop; each is delivered until it is stored, and some twice. */
export function producer(clusters: TwoClusters, tenant: string, tier: 'critical' | 'bulk', seed: number) {
  const { ledger, close } = clusters.environment();
  let over = false;
  const told = { waited: 0 };
  const sent: string[] = [];
  const deliver = async (batch: ReturnType<typeof batchOf>) => {
    for (;;) {
      try {
        await ledger.commit(...batch);
        return;
      } catch (error) {
        if (!(error instanceof Unavailable)) throw error;
        told.waited++;
        await sleep(5);
      }
    }
  };
  const running = (async () => {
    for (let n = 0; !over; n++) {
      const lines = [made({ tenant, id: uuid7(Date.now()) }), made({ tenant, id: uuid7(Date.now()) })];
      const digest = seed.toString(16).padStart(32, '0') + n.toString(16).padStart(32, '0');
      await deliver(batchOf(lines, tier, [digest]));
      sent.push(...lines.map(({ event }) => event.id));
      // A second delivery is a new segment with the same message.
      if (n % 3 === 0) await deliver(batchOf(lines, tier, [digest]));
      await sleep(1);
    }
  })();
  return {
    sent,
    told,
    async stop() {
      over = true;
      await running;
      await close();
    },
  };
}
