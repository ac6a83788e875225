/**
 * The stored form of personal fields.
 *
 * A stored event is an ordinary event in which every personal value is gone or is a token (`~` and 16 characters), and
 * whose last field `sealed` holds the values: one envelope for each subject and field group, under that subject's key.
 * So indexes, filters and Athena work on tokens, masking is not decrypting, and destroying a key erases.
 */
import type { FieldGroup } from '#core/access/view.ts';

export interface SealedGroup {
  readonly group: FieldGroup;
  /** Whose key: 32 characters that follow from the key itself, so an envelope opens under one key only. */
  readonly key: string;
  /** Where the values belong, RFC 6901, in the order of the plaintext's array. */
  readonly at: readonly string[];
  /** base64url of iv (12) ‖ ciphertext ‖ tag (16): AES-256-GCM over the JSON array of the values. */
  readonly box: string;
}

/** What stands in place of a value that the caller may not see. */
export const maskedText = '[masked]';
/** What stands in place of a value whose key is destroyed. */
export const erasedText = '[erased]';
/** What stands in place of a value whose subject asked for restriction (GDPR Art. 18). */
export const restrictedText = '[restricted]';
/** What stands in place of another person's value in what a data subject is given. */
export const thirdPartyText = '[redacted: third party]';
