/** Keys and ciphers behind the privacy of events. Each comment is the promise its driver keeps. */

/** A key that seals a subject's fields. */
export interface DataKey {
  /** 32 base64url characters derived from the key: commits to it, names it in envelopes, and tells nothing of the subject. */
  readonly id: string;
  /** 256 bits for AES-GCM, derived from the data key. */
  readonly cipher: CipherKey;
  /** For search tokens; dies with the data key. */
  readonly index: CipherKey;
}

/** An opaque key of the runtime (`KeyObject` of node:crypto). */
export type CipherKey = { readonly __cipherKey: never };

/** AES-256-GCM and HMAC-SHA256, over keys that the key store made. */
export interface Cipher {
  /** base64url of iv ‖ ciphertext ‖ tag; a fresh random iv for each call. */
  seal(key: CipherKey, plaintext: string, aad: string): string;
  /** Undefined when it was sealed under another key or aad, or was changed. */
  open(key: CipherKey, box: string, aad: string): string | undefined;
  /** HMAC-SHA256(key, text), its first 12 bytes, base64url: 16 characters. */
  token(key: CipherKey, text: string): string;
}

/** Why a key does not open anything for readers. */
export type KeyState = 'live' | 'restricted' | 'vaulted' | 'shredded';

/** What the key of an envelope is for a reader. */
export type OpenedKey =
  | { readonly state: 'live'; readonly key: DataKey }
  | { readonly state: Exclude<KeyState, 'live'> };

/** A tenant's own keys, derived from its key-encryption key. */
export interface TenantKeys {
  /** Seals personal fields that belong to no known person; ends with the tenant. */
  readonly own: DataKey;
  /** Blind index for values that many persons share (IP addresses). */
  readonly blind: CipherKey;
}

export interface WantedKey {
  readonly tenant: string;
  readonly subject: string;
  readonly aliases: ReadonlySet<string>;
}

/** What a writer seals a subject's fields with. */
export interface WritingKey {
  readonly key: DataKey;
  /** The subject was erased once: events received until then (ms since 1970) are sealed under a key that nobody keeps. */
  readonly erased?: { readonly until: number; readonly key: DataKey };
}

/** How a map of many tenants' subjects names one. */
export const subjectName = (tenant: string, subject: string): string => `${tenant}/${subject}`;

/**
 * Keys by subject. A subject is the id of a person as events carry it, in NFC; actor, target and `subject` with one id
 * are one person.
 */
export interface SubjectKeys {
  /** At most five minutes old. Rejects with `Unavailable` when KMS and the cache have none. */
  tenant(tenant: string): Promise<TenantKeys>;
  /**
   * The keys to write with, by `subjectName`, made where there were none; at most five minutes old. For a subject whose
   * erasure is under way: a key that is stored nowhere. `aliases` (e-mail addresses) are remembered so that a search
   * by address finds the subject; they die with it.
   */
  forWriting(wanted: readonly WantedKey[]): Promise<ReadonlyMap<string, WritingKey>>;
  /**
   * The keys that envelopes name, as they are now: never cached past a request. An unknown id is `shredded`.
   * `forSubject` opens restricted keys too: a person may still ask for its own data (Art. 15 holds under Art. 18).
   */
  open(tenant: string, ids: readonly string[], forSubject?: boolean): Promise<ReadonlyMap<string, OpenedKey>>;
  /** All keys of subjects that are not destroyed (a person that came back after an erasure has a new one). */
  find(tenant: string, subjects: readonly string[]): Promise<ReadonlyMap<string, readonly DataKey[]>>;
  /** The subjects' keys that an alias leads to. */
  findByAlias(tenant: string, alias: string): Promise<readonly DataKey[]>;
}

/** What happens to a subject's keys. Every method is one transaction, durable when it resolves, and may be repeated. */
export interface KeyLifecycle {
  /** The keyed hash that stands for a subject in requests, fences and holds: 32 hex digits. */
  ref(tenant: string, subject: string): Promise<string>;
  /**
   * Destroys all keys of a subject and forgets its aliases, unless a legal hold covers it: then nothing changes and
   * `held` names the hold. The hold is looked at inside the same transaction. From the commit on nothing opens, and
   * until `fenceUntil` writers seal under keys that nobody keeps. Resolves with the ids of the destroyed keys.
   */
  shred(
    tenant: string,
    ref: string,
    fenceUntil: Date,
  ): Promise<{ readonly shredded: readonly string[] } | { readonly held: string }>;
  /** As `shred`, but the keys go to the vault first, wrapped by the vault's own KMS key, until `retainUntil`. */
  vault(
    tenant: string,
    ref: string,
    fenceUntil: Date,
    retention: {
      readonly request: string;
      readonly legalBasis: string;
      readonly reference: string;
      readonly retainUntil: Date;
    },
  ): Promise<{ readonly vaulted: readonly string[] } | { readonly held: string }>;
  /** Live keys become restricted (readers see nothing) or live again. Resolves with how many changed. */
  restrict(tenant: string, ref: string, restricted: boolean): Promise<number>;
  /** Those of these tenants where a fence or the retention of a key is over. */
  due(tenants: readonly string[], now: Date): Promise<readonly string[]>;
  /** Destroys retained keys whose time is over, except where a hold covers their subject. Resolves with their ids. */
  shredVaulted(tenant: string, now: Date): Promise<readonly string[]>;
  /** Lowers fences that ended, and forgets those after which nothing late can come any more. Resolves with how many. */
  lowerFences(tenant: string, now: Date): Promise<number>;
}
