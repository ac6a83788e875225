/** Protections that can be taken away, each at a port or in one line of a module: then a run must fail. */
import type { LogStore } from '#core/proof/ports.ts';
import type { Conditions } from './bucket.ts';
import type { Database } from './database.ts';
import type { ImmediateLedger } from './ledger.ts';
import type { ImmediateLogs } from './logs.ts';

export interface Removal {
  readonly name: string;
  readonly title: string;
  readonly conditions?: Conditions;
  readonly ledger?: (database: Database) => ImmediateLedger;
  readonly logs?: (database: Database) => ImmediateLogs;
  readonly store?: (store: LogStore) => LogStore;
}
