/**
 * The protections, each with the way to take it away: at a port, or by one line of a module that is replaced as the
 * module is loaded. Without any one of them the simulation has to fail; what it does not miss is redundant, or untested.
 */
import { parseCheckpoint } from '#core/proof/checkpoint.ts';
import type { LogStore } from '#core/proof/ports.ts';
import type { Known } from '#core/record/ports.ts';
import type { Conditions } from './bucket.ts';
import type { Database, LogRow } from './database.ts';
import { ImmediateLedger } from './ledger.ts';
import { ImmediateLogs, takesLeaves } from './logs.ts';

/** A line of a module, or its beginning, and what stands there instead. Loading fails when the module has it not once. */
export interface Patch {
  /** From the root of the repository. */
  readonly file: string;
  readonly line: string;
  readonly instead: string;
}

export interface Removal {
  readonly name: string;
  /** What is taken away, as RELIABILITY.md tells it. */
  readonly title: string;
  /** Modes that can show it, the first the likeliest. */
  readonly modes: readonly string[];
  readonly conditions?: Conditions;
  readonly ledger?: (database: Database) => ImmediateLedger;
  readonly logs?: (database: Database) => ImmediateLogs;
  readonly store?: (store: LogStore) => LogStore;
  readonly patches?: readonly Patch[];
  /** Segments that were committed to no row are not listed. */
  readonly noOrphans?: boolean;
  /** Tiles that a recovery removes stay. */
  readonly keepsTiles?: boolean;
}

const restored = ['silent', 'silent-survivors', 'procedure', 'survivors'];
const all = ['steady', ...restored];
/** Where workers of before meet those after a recovery. */
const late = ['undrained'];
const isBelow = (folder: string) => (key: string) => key.includes(`/${folder}`);
const isTile = isBelow('tile/');
const isArchive = isBelow('checkpoint-archive/');

/** Forgets messages when asked, and events too. */
class ForgetfulLedger extends ImmediateLedger {
  override known(): Known {
    return { events: new Set(), messages: new Map() };
  }
}

class MessagesTwice extends ImmediateLedger {
  override known(...args: Parameters<ImmediateLedger['known']>): Known {
    return { events: super.known(...args).events, messages: new Map() };
  }
}

class EventsTwice extends ImmediateLedger {
  override known(...args: Parameters<ImmediateLedger['known']>): Known {
    return { events: new Set(), messages: super.known(...args).messages };
  }
}

/** What is known is told, and committed all the same. */
class CommitsKnown extends ImmediateLedger {
  protected override refuses(): boolean {
    return false;
  }
}

class LeafTimes extends ImmediateLedger {
  protected override timeOf(now: number): number {
    return now;
  }
}

class AnyTree extends ImmediateLogs {
  protected override expected(tenant: string, expected: Parameters<ImmediateLogs['expected']>[1]): LogRow | undefined {
    return this.fenced(tenant, expected);
  }

  override advance(...[tenant, expected, next]: Parameters<ImmediateLogs['advance']>): boolean {
    const row = this.expected(tenant, expected);
    return row ? this.replace(row, next) : false;
  }
}

class AnyEpoch extends ImmediateLogs {
  protected override fenced(tenant: string, fence: Parameters<ImmediateLogs['fenced']>[1]): LogRow | undefined {
    const epoch = this.database.tables.logs.get(tenant)?.epoch ?? fence.epoch;
    return super.fenced(tenant, { ...fence, epoch });
  }
}

class AnyIncarnation extends ImmediateLogs {
  protected override fenced(tenant: string, fence: Parameters<ImmediateLogs['fenced']>[1]): LogRow | undefined {
    return super.fenced(tenant, { ...fence, incarnation: this.database.incarnation });
  }
}

class NoFence extends ImmediateLogs {
  protected override fenced(tenant: string): LogRow | undefined {
    const row = this.database.tables.logs.get(tenant);
    return row && takesLeaves(row) ? row : undefined;
  }
}

class FrozenToo extends ImmediateLogs {
  protected override fenced(tenant: string, fence: Parameters<ImmediateLogs['fenced']>[1]): LogRow | undefined {
    const row = this.database.tables.logs.get(tenant);
    const holds = row?.epoch === fence.epoch && this.database.incarnation === fence.incarnation;
    return holds ? row : undefined;
  }
}

class AnyClaim extends ImmediateLogs {
  override claimCheckpoint(...[tenant, expected]: Parameters<ImmediateLogs['claimCheckpoint']>) {
    const row = this.database.tables.logs.get(tenant);
    this.database.history.claims.add(claimNameOf(row!.origin, expected));
    return { root: expected.root, epoch: expected.epoch };
  }
}

const claimNameOf = (origin: string, { size, root }: { readonly size: number; readonly root: Uint8Array }) =>
  `${origin} ${size} ${Buffer.from(root).toString('hex')}`;

/** A store that differs in some methods. */
export const storeWith = (store: LogStore, methods: Partial<LogStore>): LogStore =>
  new Proxy(store, {
    get(target, name) {
      const own = (methods as Record<PropertyKey, unknown>)[name];
      if (own !== undefined) return own;
      const value: unknown = Reflect.get(target, name);
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });

const sealFile = 'functions/proof/seal.ts';
const publishFile = 'functions/proof/publish.ts';

const rollbackSize: Patch = {
  file: sealFile,
  line: "  if (Math.max(head?.size ?? 0, next?.size ?? 0) > log.size) return freeze(ports, log, 'rollback');",
  instead: '',
};
const boundRoot: Patch = {
  file: sealFile,
  line: "  if (next && !(await isClaimed(ports, log, next))) return freeze(ports, log, 'rollback');",
  instead: '  void isClaimed;',
};

export const removals: readonly Removal[] = [
  {
    name: 'messages-known',
    title: 'the ledger knows which queue messages are committed',
    modes: all,
    ledger: (database) => new MessagesTwice(database),
  },
  {
    name: 'events-known',
    title: 'the ledger knows which critical events are committed',
    modes: all,
    ledger: (database) => new EventsTwice(database),
  },
  {
    name: 'nothing-known',
    title: 'the ledger knows nothing of what is committed',
    modes: all,
    ledger: (database) => new ForgetfulLedger(database),
  },
  {
    name: 'commit-refusal',
    title: 'a commit is refused as a whole when some of it is known (asking before stays)',
    modes: all,
    ledger: (database) => new CommitsKnown(database),
  },
  {
    name: 'leaf-times',
    title: 'the time of a leaf is never before that of the leaf before it',
    modes: all,
    ledger: (database) => new LeafTimes(database),
  },
  {
    name: 'orphan-rescue',
    title: 'segments that were written and not committed are committed by the sweep',
    modes: restored,
    noOrphans: true,
  },
  {
    name: 'compare-and-swap',
    title: 'the tree advances only from the size and root that were read',
    modes: all,
    logs: (database) => new AnyTree(database),
  },
  {
    name: 'epoch',
    title: 'the epoch is part of every compare-and-swap (shown without draining)',
    modes: late,
    logs: (database) => new AnyEpoch(database),
  },
  {
    name: 'incarnation',
    title: 'the incarnation is part of every compare-and-swap (shown without draining)',
    modes: late,
    logs: (database) => new AnyIncarnation(database),
  },
  {
    name: 'incarnation-on-s3',
    title: 'the incarnation on S3 is compared with the database’s before sealing (shown without draining)',
    modes: late,
    store: (store) => storeWith(store, { incarnation: async () => undefined }),
  },
  {
    name: 'fences',
    title: 'both epoch and incarnation, everywhere (shown without draining)',
    modes: late,
    logs: (database) => new NoFence(database),
    store: (store) => storeWith(store, { incarnation: async () => undefined }),
  },
  {
    name: 'frozen-state',
    title: 'a compare-and-swap fails on a frozen log (shown without draining)',
    modes: late,
    logs: (database) => new FrozenToo(database),
  },
  {
    name: 'claim',
    title: 'a size is claimed in Postgres, with its root, before it is signed',
    modes: all,
    logs: (database) => new AnyClaim(database),
  },
  {
    name: 'bound-first',
    title: 'what is about to be signed stands on S3 first',
    modes: restored,
    store: (store) => storeWith(store, { bind: async () => true }),
  },
  {
    name: 'bound-unseen',
    title: 'what is about to be signed replaces only what was seen before Postgres was read',
    modes: ['silent-survivors'],
    conditions: (key) => ({ ifMatch: !key.endsWith('/bound'), ifNoneMatch: !key.endsWith('/bound') }),
  },
  {
    name: 'bound-root',
    title: 'the database has claimed what S3 says is about to be signed, root and all',
    modes: ['silent-survivors', 'silent'],
    patches: [boundRoot],
  },
  {
    name: 'rollback-size',
    title: 'a log that S3 has more of than the database is frozen (its root would tell too)',
    modes: ['silent', 'silent-survivors'],
    patches: [rollbackSize],
  },
  {
    name: 'rollback-guard',
    title: 'a log that S3 has more of, or another one than the database, is frozen',
    modes: ['silent', 'silent-survivors'],
    patches: [rollbackSize, boundRoot],
  },
  {
    name: 'read-order',
    title: 'S3 is read before Postgres when the two are compared',
    modes: all,
    patches: [
      {
        file: sealFile,
        line: '  const log = await ledger.find(before.tenant);',
        instead: '  const log = readFirst;',
      },
      {
        file: sealFile,
        line: '  const { ledger, logs } = ports;\n  const [head,',
        instead:
          '  const { ledger, logs } = ports;\n  const readFirst = await ledger.find(before.tenant);\n  const [head,',
      },
    ],
  },
  {
    name: 'guard-on-archive',
    title: 'the guard looks at what is archived and bound, not at what is published',
    modes: ['silent'],
    store: (store) =>
      storeWith(store, {
        bound: async () => undefined,
        bind: async () => true,
        newestArchived: async (slug) => {
          const published = await store.checkpoint(slug);
          if (!published) return undefined;
          const { note } = published;
          return { note, size: parseCheckpoint(note.slice(0, note.indexOf('\n\n') + 1))!.size };
        },
      }),
  },
  {
    name: 'if-match',
    title: 'If-Match on the published checkpoint',
    modes: all,
    conditions: (key) => ({ ifMatch: !key.endsWith('/checkpoint'), ifNoneMatch: !key.endsWith('/checkpoint') }),
  },
  {
    name: 'if-none-match-tiles',
    title: 'If-None-Match on tiles and bundles',
    modes: all,
    conditions: (key) => ({ ifMatch: true, ifNoneMatch: !isTile(key) }),
  },
  {
    name: 'if-none-match-archive',
    title: 'If-None-Match on archived checkpoints',
    modes: all,
    conditions: (key) => ({ ifMatch: true, ifNoneMatch: !isArchive(key) }),
  },
  {
    name: 'own-signature',
    title: 'the signer’s answer is verified before it is kept',
    modes: all,
    patches: [
      {
        file: publishFile,
        line: '  if (!isOurs(note)) throw',
        instead: '  if (note.length < 0) throw',
      },
    ],
  },
  {
    name: 'archive-first',
    title: 'a checkpoint is archived before anybody can see it',
    modes: ['steady', 'silent'],
    store: (store) => storeWith(store, { archive: async () => 'stored' }),
  },
  {
    name: 'stale-freeze',
    title: 'a worker that would freeze a log looks again whether it is the one who is wrong',
    modes: late,
    patches: [
      {
        file: 'functions/proof/seal-ports.ts',
        line: "  if (!log || !isOurs || (there !== undefined && there !== log.incarnation)) return new Stop('busy');",
        instead: "  if (!log || !isOurs === (there === 'never')) {}",
      },
    ],
  },
  {
    name: 'orphan-tiles',
    title: 'a recovery removes the tiles above what it rolled forward to',
    modes: restored,
    keepsTiles: true,
  },
];

/** A removal by its name. Throws RangeError. */
export function removalOf(name: string): Removal {
  const removal = removals.find((one) => one.name === name);
  if (!removal) throw new RangeError(`no protection ${name}: ${removals.map((one) => one.name).join(', ')}`);
  return removal;
}
