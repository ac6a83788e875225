/**
 * A witness (C2SP tlog-witness): cosigns checkpoints of logs it knows, and shows the newest one of each.
 *
 * What can go wrong: two requests at once, of which the slower would roll the log back. So the newest checkpoint is
 * replaced only where it is still the one that was judged against, and nothing is answered before S3 has it. A signature
 * whose checkpoint was not kept never leaves this function.
 */
import type { ProofCrypto, Signer } from '#core/proof/crypto.ts';
import { cosignatureType, formatVerifier, textOf, type Verifier, verifierOf } from '#core/proof/note.ts';
import {
  admit,
  compare,
  cosigned,
  messageFor,
  originHash,
  type Refusal,
  readWitnessed,
  type Submission,
  timestampFor,
} from '#core/proof/witness.ts';
import type { WitnessStore } from '#core/proof/witness-ports.ts';
import { onHttp } from '#functions/runtime/http.ts';
import { logger, metric } from '#functions/runtime/observe.ts';
import { openProofCrypto, openWitnessName, openWitnessSigner, openWitnessStore } from '#functions/runtime/open.ts';
import type { HttpRequest, HttpResponse } from '#functions/runtime/request.ts';

/** 63 proof lines and a checkpoint with 16 signatures of 5 kB fit; a request for more is no request for a cosignature. */
const bodyBytesMax = 160_000;
/** Two requests for one log at once are rare; five in a row for one that keeps losing are a storm. */
const triesMax = 5;

export interface WitnessPorts {
  readonly crypto: ProofCrypto;
  readonly signer: Signer;
  /** Name of the witness: the name of its key. */
  readonly name: string;
  readonly store: WitnessStore;
}

export async function witness(ports: WitnessPorts, request: HttpRequest): Promise<HttpResponse> {
  if (request.params.originHash !== undefined) return showCheckpoint(ports, request.params.originHash);
  if (request.method !== 'POST') return showKey(ports);
  return addCheckpoint(ports, request);
}

/** The verifier key, for whoever sets up a log: to be compared with what KMS says, and never to be fetched by a program. */
async function showKey({ crypto, name, signer }: WitnessPorts): Promise<HttpResponse> {
  return text(200, `${formatVerifier(crypto, name, cosignatureType, await signer.publicKey())}\n`);
}

async function showCheckpoint({ store }: WitnessPorts, hash: string): Promise<HttpResponse> {
  const latest = /^[0-9a-f]{64}$/.test(hash) ? await store.latest(hash) : undefined;
  return latest ? text(200, latest.note) : text(404, 'No checkpoint of such a log was cosigned.\n');
}

async function addCheckpoint(ports: WitnessPorts, { body, now }: HttpRequest): Promise<HttpResponse> {
  const { crypto, store } = ports;
  if (body && body.length > bodyBytesMax) return text(413, 'The body is too long for a checkpoint.\n');
  const admitted = admit(crypto, (body && textOf(body)) ?? '', await store.logs());
  if (!admitted.ok) return refused(admitted.refusal);
  const { submission } = admitted;
  const verifier = verifierOf(crypto, ports.name, cosignatureType, await ports.signer.publicKey());
  for (let tries = 0; tries < triesMax; tries++) {
    const outcome = await cosign(ports, verifier, submission, now);
    if (outcome) return outcome;
  }
  return text(503, 'Too many requests for this log at once. Try again.\n');
}

/** One try; undefined when another request was first. */
async function cosign(
  { crypto, signer, store }: WitnessPorts,
  verifier: Verifier,
  submission: Submission,
  now: Date,
): Promise<HttpResponse | undefined> {
  const { origin } = submission.checkpoint;
  const hash = originHash(crypto, origin);
  const before = await store.latest(hash);
  const latest = before && readWitnessed(crypto, before.note, origin, verifier);
  // Not "never seen": whoever can spoil our state could make us forget what we cosigned.
  if (before && !latest) throw new Error(`the kept checkpoint of ${origin} is not what this witness wrote`);
  const refusal = compare(crypto, submission, latest);
  if (refusal) return refused(refusal, submission);
  const timestamp = timestampFor(now, latest);
  const message = messageFor(submission, timestamp);
  const signature = await signer.sign(message);
  if (!crypto.verifyEd25519(verifier.publicKey, message, signature)) throw new Error('the key made a wrong signature');
  const { note, lines } = cosigned(submission, verifier, timestamp, signature);
  if (!(await store.replace(hash, note, before?.etag))) return undefined;
  metric('witness', 'cosigned', 1);
  return text(200, lines);
}

/** What a log that we know signed and we do not cosign may be proof against it, so it is kept in the traces. */
function refused({ status, why, size }: Refusal, submission?: Submission): HttpResponse {
  if (status === 422) {
    metric('witness', 'inconsistent', 1);
    logger.error('a log signed what does not follow', { why, old: submission?.old, note: submission?.note });
  }
  if (size !== undefined) return text(409, `${size}\n`, 'text/x.tlog.size');
  return text(status, `${why}\n`);
}

const text = (status: number, body: string, type = 'text/plain; charset=utf-8'): HttpResponse => ({
  status,
  headers: { 'content-type': type },
  body,
});

export const handler = onHttp(witness, {
  crypto: openProofCrypto,
  signer: openWitnessSigner,
  name: openWitnessName,
  store: openWitnessStore,
});
