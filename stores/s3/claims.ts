/** Idempotency claims on S3: a conditional PUT decides who was first, and everyone else reads what is there. */
import { createHash } from 'node:crypto';
import type { S3Client } from '@aws-sdk/client-s3';
import { type Claim, type Claims, Unavailable } from '#core/record/ports.ts';
import { nameOf, reach, statusOf } from '../aws/clients.ts';
import { getJson, putJson } from './documents.ts';
import { checked, isTenantName } from './names.ts';

const place = 'S3 claims';
/** A claim may expire between "it exists" and the read; after a few rounds something else is wrong. */
const roundsMax = 3;

export class S3Claims implements Claims {
  readonly #client: S3Client;
  readonly #bucket: string;

  constructor(client: S3Client, bucket: string) {
    this.#client = client;
    this.#bucket = bucket;
  }

  async claim(tenant: string, idempotencyKey: string, claim: Claim): Promise<Claim> {
    const name = createHash('sha256').update(idempotencyKey).digest('hex');
    const path = `claims/${checked(tenant, isTenantName)}/${name}.json`;
    for (let round = 0; round < roundsMax; round++) {
      if (await this.#putFirst(path, claim)) return claim;
      const held = await reach(place, () => getJson<Claim>(this.#client, this.#bucket, path));
      if (held) return held;
    }
    throw new Unavailable(place);
  }

  /** False when someone was there before, or is there at this moment (409): the read tells which claim holds. */
  async #putFirst(path: string, claim: Claim): Promise<boolean> {
    return reach(place, async () => {
      try {
        await putJson(this.#client, this.#bucket, path, claim, { IfNoneMatch: '*' });
        return true;
      } catch (error) {
        if (statusOf(error) === 412 || nameOf(error) === 'ConditionalRequestConflict') return false;
        throw error;
      }
    });
  }
}
