/** What sealing leans on, and how a step of it can end. */
import type { ProofCrypto, Signer } from '#core/proof/crypto.ts';
import type { Anchors, FreezeReason, LogLedger, LogRecord, LogStore } from '#core/proof/ports.ts';
import type { Recorder } from '#core/record/ports.ts';
import { logger, metric } from '#functions/runtime/observe.ts';
import { tell } from './custody.ts';

export interface SealLogPorts {
  readonly ledger: LogLedger;
  readonly logs: LogStore;
  readonly signer: Signer;
  readonly crypto: ProofCrypto;
  readonly anchors: Anchors;
  readonly recorder: Recorder;
  /** Where auditors find the logs: the first part of their origins. */
  readonly host: string;
  /** Verifier keys of the witnesses that auditors are told to ask for. */
  readonly witnessKeys: readonly string[];
  /** 26 characters of base32, 128 random bits. */
  readonly newSlug: () => string;
  readonly clock: () => Date;
}

/**
 * How a run ended. `sealed`: nothing is left that it saw. `idle`: there was nothing to do. `behind`: its time was up.
 * `busy`: another worker was first, or ours is one from before a recovery. `frozen`: it signs nothing. `fenced`: the
 * database's incarnation is not the one that S3 knows. `waits`: the size cannot be signed, the next one can.
 */
export type SealState = 'sealed' | 'idle' | 'behind' | 'busy' | 'frozen' | 'fenced' | 'waits' | 'retired';

export interface SealOutcome {
  readonly state: SealState;
  /** Leaves that this run brought into the tree. */
  readonly leaves: number;
  /** Size of the newest checkpoint that it published. */
  readonly published?: number;
}

/** Why a step ended the run. */
export class Stop {
  readonly state: Exclude<SealState, 'sealed' | 'idle' | 'behind'>;
  constructor(state: Stop['state']) {
    this.state = state;
  }
}

/**
 * Freezes the log as it was read, unless it is another one by now: then we are the ones who are wrong, a worker from
 * before a recovery, and stop in silence.
 */
export async function freeze(ports: SealLogPorts, seen: LogRecord, reason: FreezeReason): Promise<Stop> {
  const [there, log] = [await ports.logs.incarnation(seen.shard), await ports.ledger.find(seen.tenant)];
  const isOurs = log?.epoch === seen.epoch && log.incarnation === seen.incarnation;
  if (!log || !isOurs || (there !== undefined && there !== log.incarnation)) return new Stop('busy');
  const isFirst = await ports.ledger.freeze(seen.tenant, reason, seen.epoch);
  if (isFirst) {
    metric('proof', 'frozen', 1);
    logger.error('a log was frozen', { slug: log.slug, reason, size: log.size });
    const now = ports.clock();
    const metadata = { reason, size: log.size, archived_size: log.archivedSize, epoch: log.epoch };
    await tell(
      ports.recorder,
      seen.tenant,
      { action: 'log.frozen', key: `${log.slug}/${log.epoch}`, at: now, metadata },
      now,
    );
  }
  return new Stop('frozen');
}
