/**
 * The commitment of a stored event: SHA-256("trailkeep-commit/v1\n" ‖ line).
 *
 * The line is the event's stored form, canonical JSON with its salt among the fields, so what is hashed is what is
 * stored, to the byte. The salt has 128 random bits: without the event nobody can guess what a leaf stands for, and
 * the salt goes with the event. Erasing a person destroys a key and leaves the line as it is.
 */
import type { ProofCrypto } from './crypto.ts';

export const commitmentPrefix = 'trailkeep-commit/v1\n';
/** Enough that nobody finds a salt by trying; half of what would be stored otherwise, and it does not compress. */
export const saltBytes = 16;

const encoder = new TextEncoder();

/** The 32 bytes that a leaf holds for a stored line (without its newline). */
export const commitmentOf = (crypto: Pick<ProofCrypto, 'sha256'>, line: string): Uint8Array =>
  crypto.sha256(encoder.encode(commitmentPrefix + line));
