/** A sealer over real Postgres and an evidence bucket in memory. */
import { randomBytes } from 'node:crypto';
import type { Sql } from 'postgres';
import { openCheckpoint } from '#core/proof/checkpoint.ts';
import { decodeEntry, type Entry } from '#core/proof/entry.ts';
import { ed25519Type, verifierOf } from '#core/proof/note.ts';
import { readEntries, treeRoot } from '#core/proof/prove.ts';
import type { SealLogPorts } from '#functions/proof/seal-ports.ts';
import { nodeProofCrypto } from '#stores/crypto/proof-crypto.ts';
import { createLedger } from '#stores/postgres/ledger.ts';
import { createLogLedger } from '#stores/postgres/logs.ts';
import { batchOf, type Line, made } from '#test/stores/postgres/made.ts';
import { MemoryAnchors, MemoryLogStore, MemoryRecorder, MemorySigner } from '#test/support/memory-log.ts';
import { contextKey, type TestDatabase } from '#test/support/postgres.ts';

export const host = 'evidence.example.org';

export function sealWorld(db: TestDatabase) {
  const app = db.login('trailkeep_app', 4);
  const sealer = db.login('trailkeep_sealer', 6);
  const store = new MemoryLogStore();
  const signer = new MemorySigner();
  const recorder = new MemoryRecorder();
  const anchors = new MemoryAnchors();
  const ledger = createLedger(app, contextKey);
  const ports: SealLogPorts = {
    ledger: createLogLedger(sealer, contextKey),
    logs: store,
    signer,
    crypto: nodeProofCrypto,
    anchors,
    recorder,
    host,
    witnessKeys: [],
    newSlug,
    clock: () => new Date(),
  };
  return {
    db,
    app,
    sealer,
    store,
    signer,
    recorder,
    anchors,
    ledger,
    ports,
    /** Commits events as one segment; resolves with their lines in the order of their leaves. */
    async commit(lines: readonly Line[], tier: 'critical' | 'bulk' = 'critical'): Promise<readonly Line[]> {
      const batch = batchOf(lines, tier);
      const result = await ledger.commit(...batch);
      if (!result.stored) throw new Error('known already');
      return batch[1] as readonly Line[];
    },
    /** Commits `count` events in segments of `each`. */
    async commitMany(tenant: string, count: number, each: number): Promise<void> {
      for (let left = count; left > 0; left -= each) {
        const lines = Array.from({ length: Math.min(each, left) }, () => made({ tenant }));
        await ledger.commit(...batchOf(lines, 'bulk'));
      }
    },
  };
}
export type SealWorld = ReturnType<typeof sealWorld>;

export const newSlug = (): string =>
  Array.from(randomBytes(26), (byte) => 'abcdefghijklmnopqrstuvwxyz234567'[byte % 32]).join('');

/** What an auditor finds: the published checkpoint, opened, and its entries, which hash to its root from S3 alone. */
export async function audited(world: Pick<SealWorld, 'store' | 'signer'>, log: { slug: string; origin: string }) {
  const { store, signer } = world;
  const verifier = verifierOf(nodeProofCrypto, log.origin, ed25519Type, await signer.publicKey());
  const published = await store.checkpoint(log.slug);
  const checkpoint = openCheckpoint(nodeProofCrypto, published!.note, verifier);
  if (!checkpoint) throw new Error('the published checkpoint is not signed by the log');
  const read = (path: string) => store.get(log.slug, path);
  const root = await treeRoot(nodeProofCrypto, read, checkpoint.size);
  const entries = (await readEntries(read, 0, checkpoint.size, checkpoint.size)).map((one): Entry => decodeEntry(one)!);
  return { size: checkpoint.size, entries, isSound: Buffer.compare(root, checkpoint.root) === 0 };
}

/** One file of everything, for tests that arrange with raw SQL. */
export const asOwner = ({ db }: SealWorld): Sql => db.ownerSql;
