/**
 * Reads from replicas, never older than a bound, and from the writer when no replica can say so.
 *
 * A replica's age comes from record.pulse, a row that reads keep young on the writer: what shows the row shows all that
 * was committed before it. It is asked in the transaction that reads, so no answer is older than it was said to be, and
 * it costs no round trip. A replica that lost its writer, and one whose writer is gone, grow old by themselves.
 */
import type { Sql, TransactionSql } from 'postgres';
import { Unavailable } from '#core/record/ports.ts';
import { type Transactions, unlessLost } from './connect.ts';
import { asUnavailable } from './unavailable.ts';

export const readPolicies = ['health', 'round-robin'] as const;

/** Who answered a read: a replica, the writer because there was none to ask, or the writer after a replica could not. */
export type ReadSource = 'replica' | 'writer' | 'writer_after_stale' | 'writer_after_failure';

export interface ReplicaOptions {
  readonly writer: Sql;
  /**
   * Pools of one connection each, opened when they are needed: Aurora's reader endpoint gives every connection another
   * instance, and a request's reads must come from one.
   */
  readonly readers: readonly (() => Sql)[];
  /** `round-robin` asks each in turn, whatever became of it; `health` lets one rest that failed or was too old. */
  readonly policy: (typeof readPolicies)[number];
  /** How old rows may be when a read begins. */
  readonly staleMsMax: number;
  readonly restMs?: number;
  /** How long a replica has before the writer is asked; below what withTenants() waits altogether. */
  readonly answerMsMax?: number;
  /** Ms, never going back. */
  readonly clock: () => number;
  readonly onRead?: (source: ReadSource) => void;
}

class TooOld extends Error {}

interface Answer {
  readonly result: unknown;
  /** The instance that answered. */
  readonly server: string;
}

/** One replica's pool. It is thrown away with what hangs on it when it fails. */
class Replica {
  /** When it may be asked again. */
  restsUntil = Number.NEGATIVE_INFINITY;
  readonly #open: () => Sql;
  #sql: Sql | undefined;

  constructor(open: () => Sql) {
    this.#open = open;
  }

  async read(
    fn: (tx: TransactionSql) => Promise<unknown>,
    staleMsMax: number,
    answerMsMax: number,
    server: string | undefined,
  ): Promise<Answer> {
    this.#sql ??= this.#open();
    const reading = this.#sql.begin('read only', async (tx) => {
      const asked = tx`select at >= clock_timestamp() - make_interval(secs => ${staleMsMax / 1000}) as young,
        concat(inet_server_addr(), ' ', inet_server_port(), ' ', pg_postmaster_start_time()) as server
        from record.pulse`.execute();
      const [[told], result] = await unlessLost(Promise.all([asked, fn(tx)]));
      // An instance that took over the connection may be older than the one before it: time would go back.
      if (!told?.young || (server !== undefined && told.server !== server)) throw new TooOld();
      return { answer: { result, server: told.server as string } };
    });
    return ((await within(answerMsMax, reading)) as { answer: Answer }).answer;
  }

  /** Ends the connection, so that the next read does not wait behind one that never answers. */
  drop(): void {
    this.#sql?.end({ timeout: 0 }).catch(() => {});
    this.#sql = undefined;
  }
}

export class Replicas {
  readonly #options: ReplicaOptions;
  readonly #replicas: readonly Replica[];
  #next = 0;
  #beatAt = Number.NEGATIVE_INFINITY;

  constructor(options: ReplicaOptions) {
    this.#options = options;
    this.#replicas = options.readers.map((open) => new Replica(open));
  }

  /**
   * The reads of one request. They come from one replica, and from the writer from the first one on that it cannot
   * answer: what a request sees never gets older, so a row that moved between two of its reads is not missed.
   *
   * Only for `read only` transactions that may be run twice. Rejects as the writer does.
   */
  request(): Transactions {
    const { writer, answerMsMax = 4000, onRead = () => {} } = this.#options;
    let replica = this.#pick();
    let instead: ReadSource = 'writer';
    let server: string | undefined;
    return {
      begin: async (mode, fn) => {
        if (mode !== 'read only') throw new TypeError('a replica takes no writes');
        this.#beat();
        const asked = replica;
        if (asked) {
          try {
            const answer = await asked.read(fn, this.#options.staleMsMax, answerMsMax, server);
            server ??= answer.server;
            onRead('replica');
            return answer.result;
          } catch (error) {
            const tooOld = error instanceof TooOld;
            if (!tooOld && !(asUnavailable(error) instanceof Unavailable)) throw error;
            asked.restsUntil = this.#options.clock() + (this.#options.restMs ?? 5000);
            if (!tooOld) asked.drop();
            replica = undefined;
            instead = tooOld ? 'writer_after_stale' : 'writer_after_failure';
          }
        }
        onRead(instead);
        return writer.begin(mode, fn);
      },
    };
  }

  #pick(): Replica | undefined {
    const { policy, clock } = this.#options;
    for (let tried = 0; tried < this.#replicas.length; tried++) {
      const replica = this.#replicas[this.#next++ % this.#replicas.length]!;
      if (policy === 'round-robin' || replica.restsUntil <= clock()) return replica;
    }
    return undefined;
  }

  /** Five times within the bound, beside the read. One that is lost makes replicas older and nothing worse. */
  #beat(): void {
    const everyMs = Math.floor(this.#options.staleMsMax / 5);
    const now = this.#options.clock();
    if (this.#replicas.length === 0 || now < this.#beatAt + everyMs) return;
    this.#beatAt = now;
    this.#options.writer`select record.beat(${everyMs})`.then(
      () => {},
      () => {},
    );
  }
}

async function within<T>(ms: number, work: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(Object.assign(new Error('no answer'), { code: 'ETIMEDOUT' })), ms);
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}
