/** Days of the UTC calendar as text, YYYY-MM-DD, which sorts as they follow each other. */
const dayMs = 86_400_000;

export const dayOf = (at: Date): string => at.toISOString().slice(0, 10);
export const startOf = (day: string): number => Date.parse(`${day}T00:00:00Z`);
export const dayAfter = (day: string, days = 1): string => dayOf(new Date(startOf(day) + days * dayMs));

/** All days from the first to the last, both included. */
export function daysBetween(from: string, to: string): string[] {
  const days: string[] = [];
  for (let at = startOf(from); at <= startOf(to); at += dayMs) days.push(dayOf(new Date(at)));
  return days;
}

/** True for a day that the calendar has, as 2026-02-29 is not. */
export const isDay = (text: string): boolean =>
  /^\d{4}-\d{2}-\d{2}$/.test(text) && !Number.isNaN(startOf(text)) && dayOf(new Date(startOf(text))) === text;
