/**
 * What differs between stages. One typed object each, no context look-ups: synthesis needs neither an account
 * nor credentials, and the file in git is the wanted state.
 */

export interface Settings {
  /** Part of every stack name and SSM path. */
  readonly stage: string;
  /** What happens to data when a stack goes away. */
  readonly removal: 'destroy' | 'retain';
  readonly network: {
    readonly cidr: string;
    /** How functions in the VPC reach AWS: an egress-only gateway (free) or interface endpoints (hourly). */
    readonly egress: 'ipv6' | 'endpoints';
    readonly flowLogs: boolean;
  };
  readonly encryption: {
    /** Our own KMS key for buckets, topic and database; otherwise the services' own keys, which cost nothing. */
    readonly ownKey: boolean;
  };
  readonly archive: {
    /** How often tenants are looked for that have something to compact. Every look wakes Aurora. */
    readonly compactEveryMinutes: number;
    /** How long events wait for others to be compacted with; a tenant with enough for a file does not wait. */
    readonly compactAfterMinutes: number;
    /** Days that pollers of the feed may be behind: segments stay so long. */
    readonly feedDays: number;
    /** Days after its end that a month of critical events stays in Postgres. */
    readonly hotDays: number;
    /** Governance mode: an administrator with a special permission can still delete. Nobody else can. */
    readonly objectLock?: { readonly segmentDays: number; readonly archiveDays: number };
  };
  readonly athena: {
    /** A query that would scan more is ended: the most that one question can cost, at 5 US$ per 10^12 bytes. */
    readonly scanBytesMax: number;
  };
  readonly aurora: {
    readonly minAcu: number;
    readonly maxAcu: number;
    readonly autoPauseMinutes?: number;
    readonly readers: 0 | 1 | 2;
    /** Which reader answers a query, and how old its rows may be; the writer answers when none is young enough. */
    readonly reads: { readonly policy: 'health' | 'round-robin'; readonly staleSecondsMax: number };
    readonly backupDays: number;
  };
  /**
   * Clusters besides the main one, for tenants that need one of their own; their numbers are their places here, from 1. One
   * that has tenants stays, and stays where it is.
   */
  readonly shards: readonly { readonly minAcu: number; readonly maxAcu: number; readonly autoPauseMinutes?: number }[];
  readonly cache: {
    /** ElastiCache Serverless for Valkey behind the permission cache; otherwise memory and Postgres do. */
    readonly valkey: boolean;
  };
  readonly people: {
    /** Of the console's user pool: a second factor by a one-time password. */
    readonly mfa: 'optional' | 'required';
    /** Cognito's Plus plan: refuses leaked passwords and odd log-ins. Billed by the active user. */
    readonly threatProtection: boolean;
    /** Where the console stands: the only addresses that a log-in leads back to. */
    readonly consoleUrls: readonly string[];
  };
  readonly api: {
    readonly ratePerSecond: number;
    readonly burst: number;
  };
  readonly record: {
    readonly bulkWindowSeconds: number;
    /** Executions of each writer at once, which bounds database connections. Undefined leaves idle pollers at two. */
    readonly writersMax?: number;
  };
  readonly jobs: {
    /** How often what a crash left unannounced is looked for. Every look wakes Aurora. */
    readonly sweepMinutes: number;
    /** How often requests of data subjects are carried on: an erasure is certified at the first look after its fence. */
    readonly privacyMinutes: number;
    /** How often lost parts of runs are looked for, and those whose next try is more than 15 minutes away. */
    readonly runsMinutes: number;
  };
  readonly proof: {
    /** First part of every log's name, `<host>/t/<slug>`. It is on each checkpoint, so it never changes. */
    readonly host: string;
    /** How long committed critical events wait for others before they are sealed together. 0: not at all. */
    readonly criticalWindowSeconds: number;
    /** The same for bulk events, whose merge delay is minutes: a queue may hold a message for 900 s. */
    readonly bulkDelaySeconds: number;
    /** How often logs are looked at that no announcement told of. Every look wakes Aurora. */
    readonly sweepMinutes: number;
    /** How often verification goes on: rows within a day, segments within a week need an hour. */
    readonly verifyMinutes: number;
    /**
     * Archived checkpoints are locked in compliance mode: nobody, the account's owner included, can remove one
     * earlier or undo this. Undefined: no lock, so that the stage can be thrown away.
     */
    readonly archiveLockDays?: number;
    /** Who cosigns checkpoints. `vkey` is the witness's verifier key (C2SP signed-note). */
    readonly witnesses: readonly { readonly name: string; readonly url: string; readonly vkey: string }[];
  };
  /** A witness that is deployed from here, into another account: see witness-stack.ts. */
  readonly witness: {
    /** Name of its key, best an address of its own. Whoever trusts it configures it, so it never changes. */
    readonly name: string;
    /** Logs that it knows, a rule each, as docs/guides/witness.md says. */
    readonly logs: readonly string[];
  };
  readonly deploy: {
    /** Shift API functions by CodeDeploy, with rollback on errors; otherwise all at once. */
    readonly canary: boolean;
  };
  readonly observe: {
    readonly alarms: boolean;
    readonly alarmEmail?: string;
    /** Who hears at once that somebody broke the glass: the privacy officer. */
    readonly noticeEmail?: string;
    readonly logRetentionDays: 14 | 90 | 365;
  };
}

const reads = { policy: 'health', staleSecondsMax: 5 } as const;

const dev: Settings = {
  stage: 'dev',
  removal: 'destroy',
  network: { cidr: '10.40.0.0/16', egress: 'ipv6', flowLogs: false },
  encryption: { ownKey: false },
  // Whoever tries it sees files within the hour; segments stay as long as they would in prod.
  archive: { hotDays: 30, compactEveryMinutes: 60, compactAfterMinutes: 15, feedDays: 35 },
  athena: { scanBytesMax: 10 * 1024 ** 3 },
  aurora: { minAcu: 0, maxAcu: 2, autoPauseMinutes: 5, readers: 0, reads, backupDays: 1 },
  shards: [],
  cache: { valkey: false },
  people: { mfa: 'optional', threatProtection: false, consoleUrls: ['http://localhost:4600/console'] },
  api: { ratePerSecond: 200, burst: 400 },
  record: { bulkWindowSeconds: 2 },
  // A look every few minutes would never let Aurora pause.
  jobs: { sweepMinutes: 1440, privacyMinutes: 720, runsMinutes: 720 },
  // Whoever tries it wants to see proofs at once; a seal costs four requests.
  proof: {
    host: 'trailkeep.local',
    criticalWindowSeconds: 0,
    bulkDelaySeconds: 0,
    sweepMinutes: 720,
    verifyMinutes: 720,
    witnesses: [],
  },
  witness: { name: 'witness.trailkeep.local/dev', logs: [] },
  deploy: { canary: false },
  observe: { alarms: false, logRetentionDays: 14 },
};

const prod: Settings = {
  stage: 'prod',
  removal: 'retain',
  network: { cidr: '10.41.0.0/16', egress: 'endpoints', flowLogs: true },
  encryption: { ownKey: true },
  archive: {
    hotDays: 30,
    compactEveryMinutes: 60,
    compactAfterMinutes: 180,
    feedDays: 35,
    // The shortest class of retention is 90 days, and what is locked longer than it may be kept cannot expire. A merge leaves
    // its sources locked too: so long they are paid for beside the file that took their place.
    objectLock: { segmentDays: 7, archiveDays: 35 },
  },
  athena: { scanBytesMax: 100 * 1024 ** 3 },
  aurora: { minAcu: 0.5, maxAcu: 16, readers: 1, reads, backupDays: 35 },
  shards: [],
  cache: { valkey: true },
  people: { mfa: 'required', threatProtection: true, consoleUrls: ['https://audit.example.com/console'] },
  api: { ratePerSecond: 2000, burst: 4000 },
  record: { bulkWindowSeconds: 20, writersMax: 10 },
  jobs: { sweepMinutes: 5, privacyMinutes: 5, runsMinutes: 5 },
  proof: {
    host: 'evidence.example.com',
    criticalWindowSeconds: 10,
    bulkDelaySeconds: 300,
    sweepMinutes: 1,
    verifyMinutes: 60,
    // A year longer than the events that they prove are kept.
    archiveLockDays: 730,
    witnesses: [],
  },
  witness: { name: 'witness.example.com/prod', logs: [] },
  deploy: { canary: true },
  observe: { alarms: true, logRetentionDays: 365 },
};

/** As dev, with a second cluster: to try moves, here (`npm start -- --stage sharded`) or in an account. */
const sharded: Settings = { ...dev, stage: 'sharded', shards: [{ minAcu: 0, maxAcu: 2, autoPauseMinutes: 5 }] };

const stages: Readonly<Record<string, Settings>> = { dev, sharded, prod };

/** The settings of a stage; an unknown one lists those there are. */
export function settingsOf(stage: string): Settings {
  const settings = stages[stage];
  if (!settings) throw new Error(`no stage ${stage}; there are ${Object.keys(stages).join(', ')}`);
  return settings;
}
