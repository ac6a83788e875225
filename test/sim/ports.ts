/** The ports of the modules under test, for one worker of a world. */

import { uuidv7 } from '#core/event/uuid.ts';
import type { Anchors, LogLedger, LogRecovery, LogStore, LogTenants } from '#core/proof/ports.ts';
import type { Ledger, Recorder } from '#core/record/ports.ts';
import type { RecoverPorts } from '#functions/proof/recover.ts';
import type { SealLogPorts } from '#functions/proof/seal-ports.ts';
import type { SweepPorts } from '#functions/record/sweep.schedule.ts';
import type { WritePorts } from '#functions/record/write.ts';
import { packEnvelopes } from '#functions/runtime/envelope-codec.ts';
import { cipherKey, dataKeyOf, nodeCipher } from '#stores/crypto/cipher.ts';
import { S3LogStore } from '#stores/s3/log-store.ts';
import { clientOf } from './bucket.ts';
import { callsOf } from './calls.ts';
import { ownLine } from './events.ts';
import { ImmediateLedger } from './ledger.ts';
import { ImmediateLogs, immediateTenants } from './logs.ts';
import type { Queues } from './queues.ts';
import { ImmediateRecovery } from './recovery.ts';
import { storeWith } from './removals.ts';
import type { Worker } from './scheduler.ts';
import { segmentsOf } from './segments.ts';
import { simulatedCrypto } from './signer.ts';
import { host, type World } from './world.ts';

/** A quarter of an hour: no function lives longer. */
const drainMs = 900_000;
const tenantKeys = { own: dataKeyOf(new Uint8Array(32)), blind: cipherKey(new Uint8Array(32)) };

export class Ports {
  readonly #world: World;
  readonly #queues: Queues;

  constructor(world: World, queues: Queues) {
    this.#world = world;
    this.#queues = queues;
  }

  ledger(worker: Worker): Ledger {
    const { scheduler, database, removed } = this.#world;
    const ledger = removed?.ledger?.(database) ?? new ImmediateLedger(database);
    return callsOf<Ledger>(scheduler, worker, 'Postgres', ledger, { reads: ['known', 'unannounced', 'catalogued'] });
  }

  logs(worker: Worker): LogLedger {
    const { scheduler, database, removed } = this.#world;
    const logs = removed?.logs?.(database) ?? new ImmediateLogs(database);
    return callsOf<LogLedger>(scheduler, worker, 'Postgres', logs, {
      reads: ['find', 'outbox', 'claimedRoot', 'pending', 'states'],
    });
  }

  store(worker: Worker): LogStore {
    const { scheduler, bucket } = this.#world;
    return new S3LogStore(clientOf(scheduler, worker, bucket), 'evidence', {
      now: () => this.#world.dateOf(worker).getTime(),
      pause: (ms) => scheduler.sleep(worker, ms),
    });
  }

  tenants(worker: Worker): LogTenants {
    return callsOf<LogTenants>(this.#world.scheduler, worker, 'Postgres', immediateTenants(this.#world.tenants), {
      reads: ['page'],
    });
  }

  recorder(worker: Worker): Recorder {
    return {
      record: async (tenant, events, now) => {
        const lines = events.map((event) => ownLine(tenant, event, now.getTime()));
        for (const { id } of lines) this.#world.sent.set(id, { tenant, tier: 'critical' });
        await this.#queues.send(
          worker,
          'critical',
          packEnvelopes(
            tenant,
            'critical',
            lines.map(({ line }) => line),
          ),
        );
        for (const { id } of lines) this.#world.accepted.add(id);
      },
    };
  }

  anchors(worker: Worker): Anchors {
    return callsOf<Anchors>(this.#world.scheduler, worker, 'SQS', { ask: () => {} });
  }

  write(worker: Worker): WritePorts {
    return {
      segments: segmentsOf(this.#world.scheduler, worker, this.#world.segments),
      ledger: this.ledger(worker),
      announcer: { announce: (batch) => this.#queues.announce(worker, batch) },
      deadLetters: {
        bury: async ({ code, reason }) => this.#world.violated('buried', `a message was buried: ${code} ${reason}`),
      },
      newId: (now) => uuidv7(now.getTime(), this.#world.content.bytes(10)),
      control: { tenant: async () => undefined },
      subjectKeys: { tenant: async () => tenantKeys, forWriting: async () => new Map() },
      cipher: nodeCipher,
      random: (bytes) => this.#world.content.bytes(bytes),
    };
  }

  sweep(worker: Worker): SweepPorts {
    const { segments: listed, ledger, announcer, newId } = this.write(worker);
    const segments = this.#world.removed?.noOrphans ? { ...listed, async *list() {} } : listed;
    return { segments, ledger, announcer, newId };
  }

  recover(worker: Worker): RecoverPorts {
    const { scheduler, database, removed } = this.#world;
    const ledger = this.logs(worker);
    const store = this.store(worker);
    return {
      ledger,
      recovery: callsOf<LogRecovery>(scheduler, worker, 'Postgres', new ImmediateRecovery(database), {
        reads: ['partsFrom'],
      }),
      logs: removed?.keepsTiles ? storeWith(store, { remove: async () => {} }) : store,
      segments: segmentsOf(scheduler, worker, this.#world.segments),
      signer: this.#world.key.of(scheduler, worker),
      crypto: simulatedCrypto,
      recorder: this.recorder(worker),
      newIncarnation: () => this.#world.newIncarnation(),
      newId: (now) => uuidv7(now.getTime(), this.#world.content.bytes(10)),
      clock: () => this.#world.dateOf(worker),
      drainMs: this.#world.mode.drain ? drainMs : 0,
    };
  }

  seal(worker: Worker): SealLogPorts {
    const store = this.store(worker);
    return {
      ledger: this.logs(worker),
      logs: this.#world.removed?.store?.(store) ?? store,
      signer: this.#world.key.of(this.#world.scheduler, worker),
      crypto: simulatedCrypto,
      anchors: this.anchors(worker),
      recorder: this.recorder(worker),
      host,
      witnessKeys: [],
      newSlug: () => this.#world.newSlug(),
      clock: () => this.#world.dateOf(worker),
    };
  }
}
