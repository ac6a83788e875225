/**
 * What a store works on: one cluster, or several of which each has some of the tenants.
 *
 * A transaction for tenants finds its cluster by itself, see shards.ts. What belongs to no tenant, and what is asked of many
 * tenants at once, goes by this.
 */
import type { Sql } from 'postgres';
import { Unavailable } from '#core/record/ports.ts';

/** Tenants that live on one cluster. */
export interface Neighbours {
  readonly sql: Sql;
  readonly tenants: readonly string[];
}

export interface Clusters {
  /** A pool for each cluster; the first is the main one. */
  readonly every: readonly Sql[];
  /** Tenants by the cluster that they live on, as far as is known here. No query where there is one cluster. */
  together(tenants: readonly string[]): Promise<readonly Neighbours[]>;
  /** Told of a cluster that is passed over because it is down. */
  readonly onDown: (error: Unavailable) => void;
}

const several = new WeakMap<Sql, Clusters>();

/** Says that transactions of this pool go to several clusters. */
export function spread(sql: Sql, clusters: Clusters): Sql {
  several.set(sql, clusters);
  return sql;
}

/** The clusters behind a pool. */
export const clustersOf = (sql: Sql): Clusters =>
  several.get(sql) ?? { every: [sql], together: async (tenants) => [{ sql, tenants }], onDown: () => {} };

/** Asks each cluster that has some of the tenants; answers come in no order. Rejects when one of them is down. */
export async function askEach<T>(
  sql: Sql,
  tenants: readonly string[],
  ask: (some: readonly string[], cluster: Sql) => Promise<readonly T[]>,
): Promise<readonly T[]> {
  const groups = await clustersOf(sql).together(tenants);
  if (groups.length === 1) return ask(tenants, groups[0]!.sql);
  return (await Promise.all(groups.map((one) => ask(one.tenants, one.sql)))).flat();
}

/**
 * The same for who looks for something to do: a cluster that is down has nothing now, and does not hold up the others.
 * Rejects when all are down.
 */
export async function searchEach<T>(
  sql: Sql,
  tenants: readonly string[],
  ask: (some: readonly string[], cluster: Sql) => Promise<readonly T[]>,
): Promise<readonly T[]> {
  const { together, onDown } = clustersOf(sql);
  const groups = await together(tenants);
  if (groups.length === 1) return ask(tenants, groups[0]!.sql);
  return upOnes(
    groups.map((one) => ask(one.tenants, one.sql)),
    onDown,
  );
}

/** Asks every cluster for what belongs to no tenant, and passes over those that are down. Rejects when all are. */
export async function searchAll<T>(sql: Sql, ask: (cluster: Sql) => Promise<readonly T[]>): Promise<readonly T[]> {
  const { every, onDown } = clustersOf(sql);
  return every.length === 1 ? ask(every[0]!) : upOnes(every.map(ask), onDown);
}

/** Asks every cluster for what belongs to no tenant. Rejects when one is down. */
export async function askAll<T>(sql: Sql, ask: (cluster: Sql) => Promise<readonly T[]>): Promise<readonly T[]> {
  return (await Promise.all(clustersOf(sql).every.map(ask))).flat();
}

async function upOnes<T>(asked: readonly Promise<readonly T[]>[], onDown: Clusters['onDown']): Promise<readonly T[]> {
  const answers = await Promise.allSettled(asked);
  const failed = answers.flatMap((one) => (one.status === 'rejected' ? [one.reason as unknown] : []));
  const fault = failed.find((error) => !(error instanceof Unavailable));
  if (fault !== undefined || failed.length === answers.length) throw fault ?? failed[0];
  for (const error of failed) onDown(error as Unavailable);
  return answers.flatMap((one) => (one.status === 'fulfilled' ? one.value : []));
}
