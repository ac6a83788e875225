/**
 * Moves a tenant to another cluster: copies its rows, pauses its writers, copies what changed, compares, switches.
 *
 * Every step may be cut off anywhere and run again. At each moment at most one cluster takes the tenant's writes: the source
 * until sec.away says `moving` there, the target from the moment that its own row goes. In between its events wait in their
 * queues, and readers go on at the source. See docs/decisions/0010-shards.md.
 */
import type { Sql, TransactionSql } from 'postgres';
import type { MoveStep } from '#core/access/move.ts';
import { signContext } from './connect.ts';
import { movedTables } from './moved-tables.ts';
import { type CopyPlaces, copyAndCompare, copyTenant, type TableCount, type Within } from './tenant-copy.ts';
import { asUnavailable } from './unavailable.ts';

export interface MovePlaces {
  /** The cluster of each shard, as trailkeep_mover; the first is the main one. */
  readonly clusters: readonly Sql[];
  readonly contextKey: Uint8Array;
  /** Told before each thing that can be cut off; it may throw. */
  readonly at?: (place: string) => void | Promise<void>;
  /** Asked when the copy is done. False leaves the pause to the next run, which has more time for it. */
  readonly mayPause?: () => boolean;
}

interface MoveRow {
  readonly from: number;
  readonly to: number;
  readonly step: MoveStep;
  /** Since when it is at the step, to the microsecond: who found it at another time changes nothing. */
  readonly since: string;
}

/** Rows that are deleted with one statement. */
const rowsPerDelete = 20_000;
/** Another run of the same move has let the tenant's writers in: what this one would write is over. */
class Overtaken extends Error {}

export class TenantMove {
  readonly #places: MovePlaces;
  readonly #tenant: string;

  constructor(places: MovePlaces, tenant: string) {
    this.#places = places;
    this.#tenant = tenant;
  }

  /** Goes on from the step that the move has reached, as far as it can; resolves with the step that it is at then. */
  async run(): Promise<MoveStep | undefined> {
    for (;;) {
      const move = await this.#row();
      switch (move?.step) {
        case 'copying': {
          await this.#closeTarget(move);
          await copyTenant(this.#copying(move));
          if (this.#places.mayPause?.() === false) return 'copying';
          await this.#take(move, 'paused');
          break;
        }
        case 'paused': {
          await this.#pause(move);
          const counts = await copyAndCompare(this.#copying(move));
          await this.#take(move, 'verified', counts);
          break;
        }
        case 'verified':
          // From here readers may come to either: both hold the same, and neither takes a write.
          await this.#setAway(move.to, 'moving');
          await this.#at('switch');
          await this.#on(0, (tx) => tx`update access.tenant set shard = ${move.to} where tenant_id = ${this.#tenant}`);
          await this.#take(move, 'switched');
          break;
        case 'switched':
          await this.#setAway(move.from, 'moved');
          await this.#at('open the target');
          await this.#on(move.to, (tx) => tx`delete from sec.away where tenant_id = ${this.#tenant}`);
          await this.#take(move, 'moved');
          break;
        case 'finishing':
          await this.#clean(move.from);
          await this.#take(move, 'finished');
          break;
        default:
          return move?.step;
      }
    }
  }

  /** The step that the move is at. */
  async step(): Promise<MoveStep | undefined> {
    return (await this.#row())?.step;
  }

  /** Lets writers in at the source again and begins anew, if the tenant was paused and no more; true when it was. */
  async resume(): Promise<boolean> {
    const move = await this.#row();
    if (move?.step !== 'paused') return false;
    const [away] = await this.#on(
      move.from,
      (tx) => tx`select since::text as since from sec.away where tenant_id = ${this.#tenant} and state = 'moving'`,
    );
    // The step first: a run that compares counts on nobody writing. A pause that begins after it has another time.
    if (!(await this.#reach(move, 'copying'))) return false;
    if (!away) return true;
    await this.#on(
      move.from,
      (tx) => tx`delete from sec.away where tenant_id = ${this.#tenant} and state = 'moving'
        and since = ${String(away.since)}::text::timestamptz`,
    );
    return true;
  }

  async #row(): Promise<MoveRow | undefined> {
    const [row] = await this.#on(
      0,
      (tx) => tx`select from_shard, to_shard, step, stepped_at::text as since from access.move
        where tenant_id = ${this.#tenant}`,
    );
    if (!row) return undefined;
    return { from: Number(row.from_shard), to: Number(row.to_shard), step: row.step as MoveStep, since: row.since };
  }

  #copying({ from, to }: MoveRow): CopyPlaces {
    const source: Within = (work) => this.#on(from, work);
    const target: Within = (work) =>
      this.#on(to, async (tx) => {
        const [closed] = await tx`select from sec.away where tenant_id = ${this.#tenant} for key share`;
        if (!closed) throw new Overtaken('the tenant lives there');
        return work(tx);
      });
    return { tenant: this.#tenant, source, target, at: (place) => this.#at(place) };
  }

  /** Before the first row is copied: from here to the switch nobody writes the tenant's rows there but a move. */
  async #closeTarget({ to }: MoveRow): Promise<void> {
    await this.#at('close the target');
    await this.#on(
      to,
      (tx) => tx`insert into sec.away (tenant_id, state) values (${this.#tenant}, 'moved') on conflict do nothing`,
    );
    await this.#drain(to);
  }

  /** When this resolves every write that began before it is committed or gone, and no other begins. */
  async #pause({ from }: MoveRow): Promise<void> {
    await this.#at('pause');
    await this.#on(
      from,
      (tx) => tx`insert into sec.away as known (tenant_id, state, since)
        values (${this.#tenant}, 'moving', clock_timestamp())
        on conflict (tenant_id) do update set since = excluded.since where known.state = 'moving'`,
    );
    await this.#at('drain');
    await this.#drain(from);
  }

  /** Writers share this lock (sec.enter). */
  #drain(shard: number): Promise<unknown> {
    return this.#on(shard, (tx) => tx`select pg_advisory_xact_lock(hashtextextended(${this.#tenant}::uuid::text, 8))`);
  }

  async #setAway(shard: number, state: 'moving' | 'moved'): Promise<void> {
    await this.#at(`${state} on ${shard}`);
    await this.#on(
      shard,
      (tx) => tx`update sec.away set state = ${state}, since = now() where tenant_id = ${this.#tenant}`,
    );
  }

  /** Deletes what the move left behind, children first. The row that says `moved` stays for ever. */
  async #clean(from: number): Promise<void> {
    const tables = await this.#on(from, movedTables);
    for (const { name, key } of tables.toReversed()) {
      const columns = key.map((one) => one.name).join(', ');
      for (let gone = rowsPerDelete; gone === rowsPerDelete; ) {
        await this.#at(`clean ${name}`);
        gone = await this.#on(from, async (tx) => {
          const [away] = await tx`select state from sec.away where tenant_id = ${this.#tenant} for update`;
          if (away?.state !== 'moved') throw new Overtaken('the tenant lives there');
          const rows = await tx.unsafe(
            `delete from ${name} where tenant_id = $1 and (${columns}) in
               (select ${columns} from ${name} where tenant_id = $1 limit ${rowsPerDelete})`,
            [this.#tenant],
          );
          return rows.count;
        });
      }
    }
  }

  async #take(move: MoveRow, step: MoveStep, rows?: readonly TableCount[]): Promise<void> {
    await this.#at(`reach ${step}`);
    await this.#reach(move, step, rows);
  }

  /** True when the move is at the step now, and false when somebody else has taken it on meanwhile. */
  async #reach({ step: from, since }: MoveRow, step: MoveStep, rows?: readonly TableCount[]): Promise<boolean> {
    const { count } = await this.#on(
      0,
      (tx) => tx`update access.move set step = ${step}, stepped_at = clock_timestamp(), problem = null
        ${rows === undefined ? tx`` : tx`, rows = ${JSON.stringify(rows)}::text::json`}
        where tenant_id = ${this.#tenant} and step = ${from} and stepped_at = ${since}::text::timestamptz`,
    );
    return count === 1;
  }

  async #at(place: string): Promise<void> {
    await this.#places.at?.(place);
  }

  async #on<T>(shard: number, work: (tx: TransactionSql) => T | Promise<T>): Promise<Awaited<T>> {
    const { clusters, contextKey } = this.#places;
    const sql = clusters[shard];
    if (!sql) throw new Error(`there is no shard ${shard} in this environment`);
    const context = signContext(contextKey, [this.#tenant], new Date());
    try {
      const done = await sql.begin(async (tx) => {
        await tx`select set_config('app.ctx', ${context}, true)`;
        return { result: await work(tx) };
      });
      return (done as { result: Awaited<T> }).result;
    } catch (error) {
      throw asUnavailable(error);
    }
  }
}
