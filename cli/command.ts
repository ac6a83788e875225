/** What one command is: its words, its flags and its deed. main.ts reads the arguments and calls it. */
import type { ParseArgsOptionsConfig } from 'node:util';
import { createTrailkeep, type Trailkeep } from '#client/trailkeep.ts';
import { scopes as allScopes, type Scope } from '#core/access/access.ts';
import { nearest } from '#core/query/nearest.ts';
import { readConfig } from './config.ts';
import { UsageError } from './fail.ts';
import type { Streams } from './print.ts';

export type Flags = Readonly<Record<string, string | boolean | readonly string[] | undefined>>;

export interface Invocation extends Streams {
  readonly flags: Flags;
  readonly words: readonly string[];
  readonly stdin: NodeJS.ReadableStream;
  readonly now: () => Date;
  /** Aborts on the first Ctrl-C: what is in flight is finished, then the command says where it stopped. */
  readonly stop: AbortSignal;
  /** Where the client went and where its key came from, once it was opened. */
  readonly origin: Origin;
  /** The client of the API. Opened on use, so that a dry run needs no API. */
  readonly open: (as?: 'admin' | 'tenant', retries?: number) => Trailkeep;
}

export interface Command {
  readonly name: string;
  /** One line for the list of commands. */
  readonly summary: string;
  /** What follows the name, as `[FILE…]`. */
  readonly usage: string;
  readonly options: ParseArgsOptionsConfig;
  /** Each flag with what it does, in the order of the help. */
  readonly flags: readonly (readonly [flag: string, about: string])[];
  readonly examples: readonly (readonly [line: string, about: string])[];
  /** Talks to no API: the help leaves out the flags that are about one. */
  readonly offline?: boolean;
  /** Commands of two words, as `import postgres`, that begin with this one's name. */
  readonly parts?: readonly Command[];
  /** Resolves to the exit code. */
  readonly run: (invocation: Invocation) => Promise<number>;
}

/** Flags that every command takes. */
export const commonOptions = {
  url: { type: 'string' },
  key: { type: 'string' },
  purpose: { type: 'string' },
  ticket: { type: 'string' },
  json: { type: 'boolean' },
  help: { type: 'boolean', short: 'h' },
} as const satisfies ParseArgsOptionsConfig;

export const commonFlags: readonly (readonly [string, string])[] = [
  ['--url URL', 'the API; else TRAILKEEP_URL, else .trailkeep/local.json'],
  ['--key KEY', 'the API key; else TRAILKEEP_API_KEY (admin: TRAILKEEP_ADMIN_KEY), else .trailkeep/local.json'],
  ['--purpose WORD', 'why you look: personal fields of sensitive events are clear only for a purpose'],
  ['--ticket TEXT', 'the ticket that asks for it; the record of your look names it'],
  ['--json', 'one JSON object a line instead of a table'],
];

/** Where the last client went and where its key came from, for error messages. */
export interface Origin {
  url?: string;
  keyFrom?: string;
}

/** The most that one page of a list holds. */
export const listMax = 1000;

/** Somebody sits there: that nobody answers is said within a second or two. */
const retriesOfCommand = 2;

/** A client by the flags; notes its origin. */
export function openClient(flags: Flags, admin: boolean, origin: Origin, retries = retriesOfCommand): Trailkeep {
  const { url, key, keyFrom } = readConfig({ url: text(flags, 'url'), key: text(flags, 'key') }, admin);
  origin.url = url;
  origin.keyFrom = keyFrom;
  const purpose = text(flags, 'purpose');
  const ticket = text(flags, 'ticket');
  return createTrailkeep({
    url,
    apiKey: key,
    retries,
    ...(purpose === undefined ? {} : { purpose }),
    ...(ticket === undefined ? {} : { ticket }),
  });
}

/** The value of a flag that takes one. */
export function text(flags: Flags, name: string): string | undefined {
  const value = flags[name];
  return typeof value === 'string' ? value : undefined;
}

/** The values of a flag that may be repeated. */
export function texts(flags: Flags, name: string): readonly string[] {
  const value = flags[name];
  return Array.isArray(value) ? (value as readonly string[]) : [];
}

/** A whole number within bounds. */
export function whole(flags: Flags, name: string, min: number, max: number): number | undefined {
  const given = text(flags, name);
  if (given === undefined) return undefined;
  if (!/^\d{1,9}$/.test(given) || Number(given) < min || Number(given) > max) {
    throw new UsageError(`--${name} must be a whole number from ${min} to ${max}, not ${JSON.stringify(given)}.`);
  }
  return Number(given);
}

/** The words after a command, named; one too few or too many is told with the usage. */
export function words(given: readonly string[], names: readonly string[]): readonly string[] {
  if (given.length < names.length) throw new UsageError(`${names[given.length]} is missing.`);
  if (given.length > names.length) throw new UsageError(`${JSON.stringify(given[names.length])} is one word too many.`);
  return given;
}

/** The values of --scope, one or several a flag. */
export function scopesOf(flags: Flags): readonly Scope[] {
  return texts(flags, 'scope')
    .flatMap((given) => given.split(','))
    .map((given) => {
      const scope = allScopes.find((one) => one === given);
      if (scope) return scope;
      const guess = nearest(given, allScopes);
      throw new UsageError(
        `There is no scope ${JSON.stringify(given)}${guess === undefined ? '' : `; did you mean ${guess}?`} There are ${allScopes.join(', ')}.`,
      );
    });
}
