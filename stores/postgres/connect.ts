/** How we log in to Postgres, and in whose name a transaction works. */
import { createHmac } from 'node:crypto';
import { Signer } from '@aws-sdk/rds-signer';
import postgres, { type Sql, type TransactionSql } from 'postgres';
import { asUnavailable } from './unavailable.ts';

export interface ConnectOptions {
  readonly host: string;
  readonly port: number;
  readonly database: string;
  /** Login role; its password is an IAM token. */
  readonly user: string;
  /** libpq's word: `verify-full` in the cloud, `disable` on loopback. */
  readonly sslMode: string;
  /** One Lambda environment runs one request at a time; two let it ask two questions at once. */
  readonly connectionsMax?: number;
  /** A statement that takes longer is ended: the caller is gone by then. */
  readonly statementMsMax?: number;
  readonly connectSecondsMax?: number;
}

/** Where transactions are begun: a pool, or a choice between several, which goes by the tenants. */
export interface Transactions {
  begin(
    mode: 'read write' | 'read only',
    fn: (tx: TransactionSql) => Promise<unknown>,
    tenants?: readonly string[],
  ): Promise<unknown>;
}

const contextSecondsMax = 60;
/** Below the functions' 29 s, so that the caller hears 503 and not a broken connection. */
const waitMsMax = 12_000;
const uuidText = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;

/** True for a UUID as we write them; anything else cannot be an id of ours. */
export const isUuid = (text: string): boolean => uuidText.test(text);

/**
 * A lazy pool: nothing connects before the first query.
 *
 * The IAM token is signed here without a call and is good for 15 minutes, so each new connection gets its own.
 * Statements are named and cached per connection: an unnamed one costs a round trip more and cannot be pipelined.
 */
export function connect(options: ConnectOptions): Sql {
  const { host, port, database, user, sslMode } = options;
  const signer = new Signer({ hostname: host, port, username: user });
  return postgres({
    host,
    port,
    database,
    user,
    password: () => signer.getAuthToken(),
    ssl: sslMode === 'disable' ? false : (sslMode as 'verify-full'),
    max: options.connectionsMax ?? 2,
    // Shorter than a Lambda's freeze: a connection that slept through one is often dead.
    idle_timeout: 60,
    max_lifetime: 30 * 60,
    connect_timeout: options.connectSecondsMax ?? 5,
    // Saves a query on each new connection; arrays travel as text instead.
    fetch_types: false,
    onnotice: () => {},
    connection: { application_name: 'trailkeep', statement_timeout: options.statementMsMax ?? 10_000 },
  });
}

/** The signed context: for these tenants, until `now` + 60 s. See sec.ctx_tenants() in sql/. */
export function signContext(contextKey: Uint8Array, tenants: readonly string[], now: Date): string {
  for (const tenant of tenants) if (!isUuid(tenant)) throw new TypeError('a tenant is not a UUID');
  const claim = `${tenants.join(',')}.${Math.floor(now.getTime() / 1000) + contextSecondsMax}`;
  return `${claim}.${createHmac('sha256', contextKey).update(claim).digest('hex')}`;
}

/**
 * Runs `fn` in one transaction that row-level security lets work for `tenants` and nobody else.
 *
 * The only way to a tenant's rows. The context is set inside the transaction and ends with it, so a pooled
 * connection never carries it to the next caller. Rejects with `Unavailable` when the database is down.
 * Statements that `fn` starts without awaiting travel together with the context: no round trip of its own. `waitMs` is
 * for jobs that nobody waits for.
 */
export async function withTenants<T>(
  sql: Transactions,
  contextKey: Uint8Array,
  tenants: readonly string[],
  now: Date,
  fn: (tx: TransactionSql) => Promise<T>,
  mode: 'read write' | 'read only' = 'read write',
  waitMs = waitMsMax,
): Promise<T> {
  const context = signContext(contextKey, tenants, now);
  try {
    let lost = false;
    const begun = (tx: TransactionSql) => {
      // execute() sends it now, before anything that fn sends; without it the order is that of the awaits.
      const signed = tx`select set_config('app.ctx', ${context}, true)`.execute();
      const own = untilLost(tx, () => lost);
      return unlessLost(Promise.all([signed, fn(own)]).then(([, result]) => ({ result })));
    };
    const work = sql.begin(mode, begun, tenants);
    work.catch(() => {
      lost = true;
    });
    return ((await bounded(work, waitMs)) as { result: T }).result;
  } catch (error) {
    throw asUnavailable(error);
  }
}

/**
 * The work of a transaction; for ever pending when its connection is lost, which begin() itself rejects with. A callback
 * that rejected as well would make postgres.js roll back on a socket that is gone, and that ends the process.
 */
export const unlessLost = <T>(work: Promise<T>): Promise<T> =>
  work.catch((error: unknown) => {
    const code = (error as { code?: unknown } | undefined)?.code;
    if (code === 'CONNECTION_CLOSED' || code === 'CONNECTION_DESTROYED') return new Promise<never>(() => {});
    throw error;
  });

/** The same for a statement that `fn` sends after begin() has rejected: it is refused here and not written to the socket. */
function untilLost(tx: TransactionSql, isLost: () => boolean): TransactionSql {
  return new Proxy(tx, {
    apply(target, that, args) {
      if (isLost()) throw Object.assign(new Error('the connection is lost'), { code: 'CONNECTION_CLOSED' });
      return Reflect.apply(target as (...args: unknown[]) => unknown, that, args);
    },
  });
}

/** For tables without tenants. Rejects with `Unavailable` when the database is down. `waitMs` as in withTenants(). */
export async function asked<T>(query: PromiseLike<T>, waitMs = waitMsMax): Promise<T> {
  try {
    return await bounded(query, waitMs);
  } catch (error) {
    throw asUnavailable(error);
  }
}

/** Rejects after `waitMs`: a transaction whose server was killed under it may otherwise never settle in postgres.js. */
async function bounded<T>(work: PromiseLike<T>, waitMs = waitMsMax): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(Object.assign(new Error('no answer'), { code: 'ETIMEDOUT' })), waitMs);
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}
