/**
 * Tenants on several clusters: each transaction goes to the cluster of its tenants.
 *
 * What this remembers of where a tenant is, is a guess. The first statement of each transaction asks the cluster, under a lock
 * that a move waits for (sec.enter in sql/migrations/0022_shards.sql). Who is refused looks the place up anew, once: a tenant
 * that has moved is found where it is now, and one that is moving is Unavailable to writers until it is there, so that
 * messages wait in their queue. See docs/decisions/0010-shards.md.
 */
import type { Sql, TransactionSql } from 'postgres';
import { platformTenant } from '#core/access/access.ts';
import { Unavailable } from '#core/record/ports.ts';
import { type Clusters, type Neighbours, spread } from './clusters.ts';
import { asked, type Transactions, unlessLost } from './connect.ts';

export interface ShardsOptions {
  /** Each cluster by the number of its shard; 0 is the main one. */
  readonly clusters: readonly Sql[];
  /** Ms, never going back. */
  readonly clock: () => number;
  readonly onDown?: Clusters['onDown'];
  readonly rememberMs?: number;
}

/** `1=host/database,2=host:port/database`: where the clusters besides the main one are, by the numbers of their shards. */
export function parseShards(
  text: string,
): readonly { readonly host: string; readonly port?: number; readonly database: string }[] {
  return text
    .split(',')
    .filter(Boolean)
    .map((one, index) => {
      const [, shard, host, port, database] = /^(\d+)=([^:/=]+)(?::(\d+))?\/(\w+)$/.exec(one) ?? [];
      if (Number(shard) !== index + 1)
        throw new Error('shards are not numbered from 1, or their addresses cannot be read');
      return { host: host!, ...(port === undefined ? {} : { port: Number(port) }), database: database! };
    });
}

interface Place {
  readonly shard: number;
  readonly until: number;
}

/** Tenants of several shards cannot be written in one transaction. The next try knows better where they are. */
export class SeveralShards extends Unavailable {
  constructor(tenants: number, shards: number) {
    super('shards', new Error(`${tenants} tenants of ${shards} shards`));
  }
}

/** A bound on memory, not a cache policy: forgetting costs one query. */
const placesMax = 10_000;

export class Shards {
  readonly #options: ShardsOptions;
  readonly #places = new Map<string, Place>();

  constructor(options: ShardsOptions) {
    this.#options = options;
  }

  /** The pool of stores: transactions for tenants go to their cluster, and all else to the main one. */
  sql(): Sql {
    const { clusters, onDown = () => {} } = this.#options;
    const choice = this.choosing(clusters);
    const sql = new Proxy(clusters[0]!, {
      get: (main, name) => (name === 'begin' ? choice.begin : Reflect.get(main, name)),
    });
    return spread(sql, { every: clusters, together: (tenants) => this.#together(tenants), onDown });
  }

  /** Transactions that go to the tenants' shard among `places`, one for each shard. */
  choosing(places: readonly Pick<Transactions, 'begin'>[]): Transactions {
    return {
      begin: async (mode, fn, tenants = []) => {
        try {
          return await this.#begin(places, mode, fn, tenants);
        } catch (error) {
          if (!isAway(error)) throw error;
          for (const tenant of tenants) this.#places.delete(tenant);
        }
        try {
          return await this.#begin(places, mode, fn, tenants);
        } catch (error) {
          throw isAway(error) ? new Unavailable('shard', error) : error;
        }
      },
    };
  }

  async #begin(
    places: readonly Pick<Transactions, 'begin'>[],
    mode: 'read write' | 'read only',
    fn: (tx: TransactionSql) => Promise<unknown>,
    tenants: readonly string[],
  ): Promise<unknown> {
    const shards = await this.#shardsOf(tenants);
    const [shard = 0, another] = new Set(shards);
    if (another !== undefined) throw new SeveralShards(tenants.length, new Set(shards).size);
    const place = places[shard];
    if (!place) throw new Unavailable('shard', new Error(`there is no shard ${shard} in this environment`));
    // Sent before the tenants' context and with it: no round trip.
    const entered = (tx: TransactionSql) =>
      tx`select sec.enter(${tenants.join(',')}::text, ${mode === 'read write'})`.execute();
    const done = await place.begin(mode, (tx) =>
      unlessLost(Promise.all([entered(tx), fn(tx)]).then(([, result]) => ({ result }))),
    );
    return (done as { readonly result: unknown }).result;
  }

  async #together(tenants: readonly string[]): Promise<readonly Neighbours[]> {
    const { clusters } = this.#options;
    const shards = await this.#shardsOf(tenants);
    const groups = Map.groupBy(tenants, (_, index) => shards[index]!);
    return [...groups].map(([shard, own]) => {
      const sql = clusters[shard];
      if (!sql) throw new Unavailable('shard', new Error(`there is no shard ${shard} in this environment`));
      return { sql, tenants: own };
    });
  }

  /** The shard of each tenant. While the main cluster is down what was known goes on to be good: the cluster itself is asked. */
  async #shardsOf(tenants: readonly string[]): Promise<readonly number[]> {
    const { clock, rememberMs = 60_000 } = this.#options;
    const now = clock();
    if (this.#places.size + tenants.length > placesMax) this.#places.clear();
    const isKnown = (tenant: string) => tenant === platformTenant || (this.#places.get(tenant)?.until ?? 0) > now;
    const wanted = [...new Set(tenants.filter((tenant) => !isKnown(tenant)))];
    if (wanted.length > 0) {
      try {
        const found = await this.#lookUp(wanted);
        for (const tenant of wanted) {
          this.#places.set(tenant, { shard: found.get(tenant) ?? 0, until: now + rememberMs });
        }
      } catch (error) {
        if (!wanted.every((tenant) => this.#places.has(tenant))) throw error;
      }
    }
    return tenants.map((tenant) => this.#places.get(tenant)?.shard ?? 0);
  }

  async #lookUp(tenants: readonly string[]): Promise<ReadonlyMap<string, number>> {
    const main = this.#options.clusters[0]!;
    const rows = await asked(main`select tenant, shard from sec.places(${tenants.join(',')}::text)`);
    return new Map(rows.map((row) => [String(row.tenant), Number(row.shard)]));
  }
}

const isAway = (error: unknown): boolean => (error as { code?: unknown } | undefined)?.code === 'TK001';
