/** Logs over the simulated database: what stores/postgres/logs.ts does, each method one transaction. */

import { sameBytes } from '#core/proof/bytes.ts';
import type {
  Expected,
  FreezeReason,
  LogLedger,
  LogRecord,
  LogTenants,
  OutboxPart,
  Pending,
} from '#core/proof/ports.ts';
import { emptyRoot } from '#core/proof/tree.ts';
import { nodeProofCrypto } from '#stores/crypto/proof-crypto.ts';
import { claimName, type Database, type LogRow } from './database.ts';
import type { Immediate } from './ledger.ts';

type Fence = Pick<Expected, 'epoch' | 'incarnation'>;

export class ImmediateLogs implements Immediate<LogLedger> {
  protected readonly database: Database;

  constructor(database: Database) {
    this.database = database;
  }

  find(tenant: string): LogRecord | undefined {
    const row = this.database.tables.logs.get(tenant);
    return row && { ...row, leaves: this.database.leavesOf(tenant), incarnation: this.database.incarnation };
  }

  create(tenant: string, log: { readonly slug: string; readonly origin: string }): LogRecord {
    const { logs } = this.database.tables;
    if (!logs.has(tenant)) {
      logs.set(tenant, {
        tenant,
        ...log,
        state: 'initializing',
        epoch: 0,
        size: 0,
        root: emptyRoot(nodeProofCrypto),
        edge: new Uint8Array(),
        archivedSize: 0,
        publishedSize: 0,
        createdAt: new Date(this.database.now),
      });
    }
    return this.find(tenant)!;
  }

  outbox(tenant: string, from: number, leavesMax: number): readonly OutboxPart[] {
    const rows = this.database
      .outboxOf(tenant)
      .filter(({ firstLeaf }) => firstLeaf >= from)
      .sort((a, b) => a.firstLeaf - b.firstLeaf);
    const parts: OutboxPart[] = [];
    let next = from;
    for (const { seq, firstLeaf, time, leaves } of rows) {
      if (firstLeaf !== next || next - from >= leavesMax) break;
      parts.push({ seq, firstLeaf, time, leaves });
      next += leaves.length;
    }
    return parts;
  }

  advance(
    tenant: string,
    expected: Expected,
    next: { readonly size: number; readonly root: Uint8Array; readonly edge: Uint8Array },
  ): boolean {
    const row = this.expected(tenant, expected);
    if (!row || row.size >= next.size || next.size > this.database.leavesOf(tenant)) return false;
    return this.replace(row, next);
  }

  claimCheckpoint(
    tenant: string,
    expected: Expected,
  ): { readonly root: Uint8Array; readonly epoch: number; readonly note?: string } | undefined {
    const row = this.expected(tenant, expected);
    if (!row) return undefined;
    const { checkpoints } = this.database.tables;
    const name = `${tenant}/${expected.size}`;
    if (!checkpoints.has(name)) checkpoints.set(name, { root: expected.root, epoch: expected.epoch });
    const claim = checkpoints.get(name)!;
    this.database.history.claims.add(claimName(row.origin, expected.size, claim.root));
    return claim;
  }

  claimedRoot(tenant: string, size: number): Uint8Array | undefined {
    return this.database.tables.checkpoints.get(`${tenant}/${size}`)?.root;
  }

  keepNote(tenant: string, size: number, note: string): void {
    const { checkpoints } = this.database.tables;
    this.database.history.notes.add(note.slice(0, note.indexOf('\n\n') + 1));
    const row = checkpoints.get(`${tenant}/${size}`);
    if (row && row.note === undefined) checkpoints.set(`${tenant}/${size}`, { ...row, note });
  }

  archived(tenant: string, size: number, fence: Fence): boolean {
    const row = this.fenced(tenant, fence);
    if (!row || row.size < size) return false;
    const left = this.database.outboxOf(tenant).filter(({ firstLeaf, leaves }) => firstLeaf + leaves.length > size);
    this.database.tables.outbox.set(tenant, left);
    return this.replace(row, { archivedSize: Math.max(row.archivedSize, size) });
  }

  published(tenant: string, size: number, fence: Fence): boolean {
    const row = this.fenced(tenant, fence);
    if (!row || row.archivedSize < size) return false;
    return this.replace(row, { publishedSize: Math.max(row.publishedSize, size), state: 'active' });
  }

  freeze(tenant: string, reason: FreezeReason, epoch: number): boolean {
    const row = this.database.tables.logs.get(tenant);
    if (!row || row.epoch !== epoch || !takesLeaves(row)) return false;
    this.database.history.freezes++;
    return this.replace(row, { state: 'frozen', frozenAt: new Date(this.database.now), frozenReason: reason });
  }

  retire(tenant: string): boolean {
    const row = this.database.tables.logs.get(tenant);
    if (row?.state !== 'active' || row.publishedSize !== row.size) return false;
    if (row.size !== this.database.leavesOf(tenant)) return false;
    return this.replace(row, { state: 'retired' });
  }

  pending(tenants: readonly string[]): readonly Pending[] {
    return tenants.toSorted().flatMap((tenant): Pending[] => {
      const log = this.database.tables.logs.get(tenant);
      const published = log?.publishedSize ?? 0;
      const leaves = this.database.leavesOf(tenant) - published;
      if (leaves <= 0 || (log && !takesLeaves(log))) return [];
      const oldest = (tier: 'critical' | 'bulk') =>
        this.database
          .outboxOf(tenant)
          .filter((row) => row.tier === tier && row.firstLeaf >= published)
          .reduce((least, { committedAt }) => Math.min(least, committedAt), Number.POSITIVE_INFINITY);
      const [critical, bulk] = [oldest('critical'), oldest('bulk')];
      return [
        {
          tenant,
          leaves,
          ...(Number.isFinite(critical) ? { oldestCritical: new Date(critical) } : {}),
          ...(Number.isFinite(bulk) ? { oldestBulk: new Date(bulk) } : {}),
        },
      ];
    });
  }

  states(tenants: readonly string[]): readonly Pick<LogRecord, 'tenant' | 'state' | 'slug'>[] {
    return tenants.toSorted().flatMap((tenant) => {
      const log = this.database.tables.logs.get(tenant);
      return log ? [{ tenant, state: log.state, slug: log.slug }] : [];
    });
  }

  /** The log if it is in this epoch of this incarnation and takes leaves. */
  protected fenced(tenant: string, { epoch, incarnation }: Fence): LogRow | undefined {
    const row = this.database.tables.logs.get(tenant);
    const holds = row && takesLeaves(row) && row.epoch === epoch && this.database.incarnation === incarnation;
    return holds ? row : undefined;
  }

  protected expected(tenant: string, expected: Expected): LogRow | undefined {
    const row = this.fenced(tenant, expected);
    return row && row.size === expected.size && sameBytes(row.root, expected.root) ? row : undefined;
  }

  protected replace(row: LogRow, change: Partial<LogRow>): true {
    this.database.tables.logs.set(row.tenant, { ...row, ...change });
    return true;
  }
}

/** As Postgres counts: neither frozen nor retired. */
export const takesLeaves = ({ state }: Pick<LogRow, 'state'>): boolean =>
  state === 'initializing' || state === 'active';

/** The tenants of a run. */
export const immediateTenants = (tenants: readonly string[]): Immediate<LogTenants> => ({
  page: (after, limit) =>
    tenants
      .toSorted()
      .filter((tenant) => after === undefined || tenant > after)
      .slice(0, limit),
});
