/** What the builder of an export has to know of who asked. */

import type { View } from '../access/view.ts';
import { type Category, categories, type DataClass, dataClasses, type JsonObject } from '../event/event.ts';
import type { Filter } from '../query/filter.ts';
import type { Gaps } from '../query/gaps.ts';
import { type EventExport, eventExportDays, type Unread } from './ports.ts';

/** Rights as they were when it was asked for. Kinds that are not there are not for this asker. */
export interface ExportPlan {
  readonly v: 1;
  readonly filter: Filter;
  /** Whether records of reading were asked for by name. */
  readonly readsToo: boolean;
  readonly skipArchived: boolean;
  /** By `category data_class`. */
  readonly views: Readonly<Record<string, View>>;
}

type Seeing = (category: Category, dataClass: DataClass) => View | undefined;

/** Every view of somebody, decided once and for all. */
export function viewsOf(view: Seeing): ExportPlan['views'] {
  const kinds = categories.flatMap((category) => dataClasses.map((dataClass) => [category, dataClass] as const));
  return Object.fromEntries(
    kinds.flatMap(([category, dataClass]) => {
      const seen = view(category, dataClass);
      return seen ? [[`${category} ${dataClass}`, seen]] : [];
    }),
  );
}

export const viewIn =
  (views: ExportPlan['views']): Seeing =>
  (category, dataClass) =>
    views[`${category} ${dataClass}`];

/** The place of a plan in its row: a plan that is put into another row does not open. */
export const planContext = (tenant: string, id: string): string => `export|${tenant}|${id}`;

/**
 * Whether an event was there when the export was asked for, as far as its own time says. What was accepted later is
 * left out, so that an export does not depend on how long it took to build; what was accepted before and committed
 * later (queues hold events for seconds) may be in it or not.
 */
export const wasThere =
  (askedAt: Date) =>
  (event: { readonly received_at: string }): boolean =>
    event.received_at < askedAt.toISOString();

/** What could not be read, as it is kept and told: by day for the archive, which is how it is restored. */
export const unreadOf = ({ missing, archived, damaged }: Gaps): Unread[] => [
  ...missing.map((key) => ({ why: 'missing' as const, key })),
  ...damaged.map(({ file, bytes }) => ({ why: 'damaged' as const, key: file, bytes })),
  ...archived.map(({ day, month, category }) => ({ why: 'archived' as const, day: (day ?? month)!, category })),
];

/** Those of `found` that are not among `known`. */
export function unreadBeyond(known: readonly Unread[], found: readonly Unread[]): Unread[] {
  const before = new Set(known.map((one) => JSON.stringify(one)));
  return found.filter((one) => !before.has(JSON.stringify(one)));
}

/** An export as the API shows it. */
export function exportView(one: EventExport): JsonObject {
  const { id, format, state, asked, askedAt, parts, events, bytes, position, endedAt, problem, unread } = one;
  const ends = endedAt && new Date(endedAt.getTime() + eventExportDays * 86_400_000);
  return {
    id,
    kind: 'events',
    state: state === 'asked' ? 'building' : state,
    format,
    ...asked,
    asked_at: askedAt.toISOString(),
    parts,
    events,
    bytes,
    ...(state === 'asked' && position ? { reached: new Date(position.time).toISOString() } : {}),
    ...(endedAt ? { ended_at: endedAt.toISOString() } : {}),
    ...(state === 'ready' ? { expires_at: ends!.toISOString() } : {}),
    ...(problem === undefined ? {} : { problem }),
    ...(unread.length === 0 ? {} : { unread: unread as unknown as JsonObject[] }),
  };
}
