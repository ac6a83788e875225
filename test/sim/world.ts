/** Everything outside the modules in one run, and what it remembers for the oracles. */
import type { Tier } from '#core/event/event.ts';
import { parseCheckpoint } from '#core/proof/checkpoint.ts';
import { Auditor } from './auditor.ts';
import { Bucket } from './bucket.ts';
import { claimName, Database, type Snapshot } from './database.ts';
import { ratesOf } from './faults.ts';
import type { Mode } from './modes.ts';
import type { Oracle } from './oracle-names.ts';
import { Random } from './random.ts';
import type { Removal } from './removals.ts';
import { Scheduler } from './scheduler.ts';
import type { SegmentObjects } from './segments.ts';
import { SigningKey } from './signer.ts';

export const host = 'evidence.example';
const start = Date.parse('2026-03-01T12:00:00.000Z');
/** No sealer lives longer. */
const onItsWayMs = 90_000;
/** Restores go back so far at most. */
const snapshotsKept = 6;

/** An event that a producer sent. */
export interface Sent {
  readonly tenant: string;
  readonly tier: Tier;
}

export class World {
  readonly mode: Mode;
  readonly removed: Removal | undefined;
  readonly scheduler: Scheduler;
  /** What events, ids and slugs are made of, apart from what decides the fate of calls. */
  readonly content: Random;
  readonly database: Database;
  readonly bucket: Bucket;
  readonly segments: SegmentObjects = new Map();
  readonly key: SigningKey;
  readonly auditor: Auditor;
  readonly tenants: readonly string[];
  /** Events by id that were ever sent, and those of them that somebody has a receipt for. */
  readonly sent = new Map<string, Sent>();
  readonly accepted = new Set<string>();
  readonly snapshots: Snapshot[] = [];
  restoredAt = Number.NEGATIVE_INFINITY;
  /** Signatures that no reader of the log could be shown, because they were lost with their worker. */
  signedInVain = 0;
  readonly #violations: string[] = [];

  constructor(seed: number, mode: Mode, removed?: Removal) {
    this.mode = mode;
    this.removed = removed;
    const fate = new Random(seed * 2 + 1);
    this.content = new Random(seed * 2);
    const scale = fate.pick([0.3, 1, 1, 2]);
    this.scheduler = new Scheduler(fate, start, ratesOf(scale));
    this.scheduler.wrong = ({ name }, error) => this.violated('error', `${name}: ${(error as Error).stack}`);
    this.database = new Database(this.newIncarnation(), () => this.scheduler.now);
    this.key = new SigningKey((message) => this.#signs(message));
    this.auditor = new Auditor((oracle, what) => this.violated(oracle, what));
    this.bucket = new Bucket(this.auditor, removed?.conditions);
    this.auditor.reads(this.bucket);
    this.tenants = Array.from({ length: fate.between(1, 3) }, (_, n) => `01890000-0000-7000-8000-00000000000${n + 1}`);
  }

  /** What a worker's clock shows. */
  dateOf(worker: { readonly skewMs: number }): Date {
    return new Date(Math.floor(this.scheduler.now + worker.skewMs));
  }

  newIncarnation(): string {
    const hex = Buffer.from(this.content.bytes(16)).toString('hex');
    return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-4${hex.slice(13, 16)}-8${hex.slice(17, 20)}-${hex.slice(20)}`;
  }

  newSlug(): string {
    const letters = 'abcdefghijklmnopqrstuvwxyz234567';
    return Array.from(this.content.bytes(26), (byte) => letters[byte & 31]).join('');
  }

  /** Something that must never happen has happened. */
  violated(oracle: Oracle, what: string): void {
    this.#violations.push(`${oracle}: ${what}`);
  }

  get violations(): readonly string[] {
    return this.#violations;
  }

  /** Only what was claimed is signed, and a frozen log signs nothing but what was on its way when it froze. */
  #signs(message: string): void {
    const checkpoint = parseCheckpoint(message);
    const log = [...this.database.tables.logs.values()].find(({ origin }) => origin === checkpoint?.origin);
    if (!checkpoint) {
      this.violated('signed', 'something else than a checkpoint was signed');
      return;
    }
    if (!this.database.history.claims.has(claimName(checkpoint.origin, checkpoint.size, checkpoint.root))) {
      this.violated('signed', `size ${checkpoint.size} was signed and not claimed`);
    }
    const frozenMs = log?.frozenAt === undefined ? 0 : this.database.now - log.frozenAt.getTime();
    if (frozenMs > onItsWayMs) this.violated('frozen', `size ${checkpoint.size} was signed by a frozen log`);
  }

  takeSnapshot(): void {
    this.snapshots.push(this.database.snapshot());
    if (this.snapshots.length > snapshotsKept) this.snapshots.shift();
  }

  /** Sets the database back to a snapshot, and starts what the mode says. */
  restore(): void {
    const snapshot = this.snapshots.length > 0 && this.scheduler.random.pick(this.snapshots);
    if (!snapshot) return;
    this.scheduler.count('database rollback');
    if (!this.mode.survivors) for (const worker of [...this.scheduler.live]) this.scheduler.kill(worker);
    this.database.restore(snapshot);
    this.snapshots.length = 0;
    this.restoredAt = this.scheduler.now;
    if (!this.mode.archive) {
      const kept = new Set([...this.database.tables.segments.values()].map(({ segment }) => segment.key));
      for (const key of this.segments.keys()) if (!kept.has(key)) this.segments.delete(key);
    }
    if (this.mode.restores !== 'procedure') return;
    const { logs } = this.database.tables;
    for (const log of logs.values()) {
      if (log.state === 'frozen' || log.state === 'retired') continue;
      const frozenAt = new Date(this.database.now);
      logs.set(log.tenant, { ...log, state: 'frozen', frozenAt, frozenReason: 'operator' });
    }
  }
}
