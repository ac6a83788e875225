/** RFC 3339 date-times, exactly. */
import { fail, ok, type Result } from './problem.ts';

const shape = /^(\d{4})-(\d\d)-(\d\d)[Tt](\d\d):(\d\d):(\d\d)(?:\.(\d+))?(?:[Zz]|([+-])(\d\d):(\d\d))$/;

/**
 * A time in UTC with milliseconds. What is finer than a millisecond is cut off. A leap second (`:60`) is
 * refused: no clock of ours can name it, and moving it would change what the producer said.
 */
export function normaliseTime(text: string): Result<string> {
  // Most producers send what we store. What Date writes back unchanged is a time that exists.
  if (text.length === 24) {
    const ms = Date.parse(text);
    if (!Number.isNaN(ms) && new Date(ms).toISOString() === text) return ok(text);
  }
  const parts = shape.exec(text);
  const wrong = fail('event_time_invalid', 'A time must be RFC 3339, as in 2026-01-02T03:04:05.678Z.', '/occurred_at');
  if (!parts) return wrong;
  const [, year, month, day, hour, minute, second, fraction = '', sign, offsetHour = '0', offsetMinute = '0'] = parts;
  if (Number(hour) > 23 || Number(minute) > 59 || Number(second) > 59) return wrong;
  if (Number(offsetHour) > 23 || Number(offsetMinute) > 59) return wrong;
  const local = new Date(`${year}-${month}-${day}T${hour}:${minute}:${second}.${fraction.padEnd(3, '0').slice(0, 3)}Z`);
  // Date rolls 30 February over to March.
  if (Number.isNaN(local.getTime()) || local.getUTCDate() !== Number(day)) return wrong;
  const offsetMs = (Number(offsetHour) * 60 + Number(offsetMinute)) * 60_000 * (sign === '-' ? -1 : 1);
  if (offsetMs === 0) return ok(local.toISOString());
  const utc = new Date(local.getTime() - offsetMs);
  if (utc.getTime() < -62_167_219_200_000 || utc.getTime() > 253_402_300_799_999) return wrong;
  return ok(utc.toISOString());
}
