/**
 * The keys of issuers, by OpenID Connect Discovery 1.0: `<issuer>/.well-known/openid-configuration` names the issuer
 * again and the address of its keys (RFC 7517).
 */
import { createLocalJWKSet, type JSONWebKeySet } from 'jose';
import { Unavailable } from '#core/record/ports.ts';
import type { FetchJson } from './fetch-json.ts';

export type KeySet = ReturnType<typeof createLocalJWKSet>;

/** An issuer that takes a key back has it out of use after this long. */
const freshMs = 600_000;
/** While an issuer is down its keys of before still count, this long after they were fetched. */
const staleMs = 3_600_000;
/** Between two calls for the same issuer: when it is down, and when tokens name keys that nobody knows. */
export const pauseMs = 30_000;
/** Issuers kept; the one that was fetched longest ago goes first. */
const issuersMax = 1_000;

interface Entry {
  readonly keys: KeySet | undefined;
  readonly fetchedAt: number;
  readonly askedAt: number;
}

export class KeySets {
  readonly #fetchJson: FetchJson;
  readonly #entries = new Map<string, Entry>();
  readonly #loading = new Map<string, Promise<Entry>>();

  constructor(fetchJson: FetchJson) {
    this.#fetchJson = fetchJson;
  }

  /**
   * The keys of an issuer. `renew` asks the issuer again, unless it was asked in the last 30 s: a token named a key
   * that is not among those known. Rejects with `Unavailable` when there are none to be had.
   */
  async get(issuer: string, now: Date, renew = false): Promise<KeySet> {
    const at = now.getTime();
    const known = this.#entries.get(issuer);
    const old = known?.keys === undefined || at >= known.fetchedAt + freshMs;
    const resting = known !== undefined && at < known.askedAt + pauseMs;
    const entry = (old || renew) && !resting ? await this.#load(issuer, known, at) : known!;
    if (entry.keys === undefined || at >= entry.fetchedAt + staleMs) throw new Unavailable('OIDC issuer');
    return entry.keys;
  }

  /** One call at a time for each issuer; whoever comes meanwhile waits for it. */
  #load(issuer: string, known: Entry | undefined, at: number): Promise<Entry> {
    const running = this.#loading.get(issuer);
    if (running) return running;
    const loading = fetchKeys(this.#fetchJson, issuer)
      .then((keys): Entry => ({ keys, fetchedAt: at, askedAt: at }))
      .catch((): Entry => ({ keys: known?.keys, fetchedAt: known?.fetchedAt ?? 0, askedAt: at }))
      .then((entry) => {
        this.#entries.delete(issuer);
        this.#entries.set(issuer, entry);
        if (this.#entries.size > issuersMax) this.#entries.delete(this.#entries.keys().next().value!);
        return entry;
      })
      .finally(() => this.#loading.delete(issuer));
    this.#loading.set(issuer, loading);
    return loading;
  }
}

async function fetchKeys(fetchJson: FetchJson, issuer: string): Promise<KeySet> {
  const configuration = await fetchJson(`${issuer.replace(/\/$/, '')}/.well-known/openid-configuration`);
  // Discovery §4.3: or one issuer's keys would pass for another's.
  if (configuration.issuer !== issuer) throw new Error('the configuration names another issuer');
  if (typeof configuration.jwks_uri !== 'string') throw new Error('the configuration names no keys');
  return createLocalJWKSet((await fetchJson(configuration.jwks_uri)) as unknown as JSONWebKeySet);
}
