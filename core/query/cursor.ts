/**
 * Cursors: a position that only we can make, good for one tenant and one question.
 *
 * A cursor is base64url of `<position>.<mac>`; the mac covers the kind, the tenant, the canonical filter
 * and the position. So a cursor of another tenant or of other filters is refused, never followed.
 */
import { fail, ok, type Result } from '#core/event/problem.ts';
import type { FeedPosition, Position } from './ports.ts';

/** HMAC-SHA-256 under the platform's cursor key, passed in. */
export type Mac = (data: string) => Uint8Array;

/** 128 bits cannot be guessed, and halve the cursor. */
const macBytes = 16;

/** The cursor after a position of `GET /v1/events`. */
export function searchCursor(mac: Mac, tenant: string, canonicalFilter: string, at: Position): string {
  return seal(mac, ['search', tenant, canonicalFilter], `${at.time}_${at.id}`);
}

/** The position a search cursor stands for, or `cursor_invalid`. */
export function readSearchCursor(mac: Mac, tenant: string, canonicalFilter: string, cursor: string): Result<Position> {
  const text = open(mac, ['search', tenant, canonicalFilter], cursor);
  const parts = text === undefined ? null : /^(-?\d{1,15})_([0-9a-f-]{36})$/.exec(text);
  if (!parts) return invalid();
  return ok({ time: Number(parts[1]), id: parts[2]! });
}

/** The cursor after a position of the feed. The same position always gives the same cursor. */
export function feedCursor(mac: Mac, tenant: string, bounds: string, at: FeedPosition): string {
  return seal(mac, ['feed', tenant, bounds], `${at.seq}_${at.offset}`);
}

/** The position a feed cursor stands for, or `cursor_invalid`. */
export function readFeedCursor(mac: Mac, tenant: string, bounds: string, cursor: string): Result<FeedPosition> {
  const text = open(mac, ['feed', tenant, bounds], cursor);
  const parts = text === undefined ? null : /^(\d{1,19})_(\d{1,9})$/.exec(text);
  if (!parts) return invalid();
  return ok({ seq: BigInt(parts[1]!), offset: Number(parts[2]) });
}

/** A place in the results of one question to the archive. */
export interface ResultPosition {
  /** Byte where the next row begins. */
  readonly offset: number;
  /** Rows before it, and how many of them the answer took. */
  readonly rows: number;
  readonly found: number;
  /** Id of the event before it; `-` at the start. */
  readonly last: string;
}

/** The cursor after a place in a question's results. */
export function resultCursor(mac: Mac, tenant: string, question: string, at: ResultPosition): string {
  return seal(mac, ['results', tenant, question], `${at.offset}_${at.rows}_${at.found}_${at.last}`);
}

/** The place a cursor of results stands for, or `cursor_invalid`. */
export function readResultCursor(mac: Mac, tenant: string, question: string, cursor: string): Result<ResultPosition> {
  const text = open(mac, ['results', tenant, question], cursor);
  const parts = text === undefined ? null : /^(\d{1,15})_(\d{1,9})_(\d{1,9})_([0-9a-f-]{1,36})$/.exec(text);
  if (!parts) return invalid();
  return ok({ offset: Number(parts[1]), rows: Number(parts[2]), found: Number(parts[3]), last: parts[4]! });
}

const invalid = () =>
  fail('cursor_invalid', 'The cursor was not made for this question. Send the filters it came with, or start anew.');

function seal(mac: Mac, bound: readonly string[], position: string): string {
  const text = `${position}.${hex(mac(JSON.stringify([...bound, position])).subarray(0, macBytes))}`;
  return btoa(text).replaceAll('+', '-').replaceAll('/', '_').replace(/=+$/, '');
}

function open(mac: Mac, bound: readonly string[], cursor: string): string | undefined {
  if (!/^[A-Za-z0-9_-]{1,512}$/.test(cursor) || cursor.length % 4 === 1) return undefined;
  const text = atob(cursor.replaceAll('-', '+').replaceAll('_', '/'));
  const dot = text.lastIndexOf('.');
  if (dot < 0) return undefined;
  const position = text.slice(0, dot);
  // One spelling per cursor: compared as whole text, so spare bits of the base64 cannot vary.
  return sameText(seal(mac, bound, position), cursor) ? position : undefined;
}

/** Compares without stopping at the first difference. */
function sameText(a: string, b: string): boolean {
  let difference = a.length ^ b.length;
  for (let i = 0; i < a.length; i++) difference |= a.charCodeAt(i) ^ b.charCodeAt(i);
  return difference === 0;
}

const hex = (bytes: Uint8Array): string => Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
