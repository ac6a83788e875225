/** Ports whose methods answer at once become ports of a worker: every method is a call that the scheduler decides over. */
import type { Immediate } from './ledger.ts';
import type { CallOptions, Scheduler, Worker } from './scheduler.ts';

/** `reads` names the methods that change nothing. */
export function callsOf<Port extends object>(
  scheduler: Scheduler,
  worker: Worker,
  place: string,
  port: Immediate<Port>,
  { reads = [], ...options }: Omit<CallOptions, 'reads'> & { readonly reads?: readonly (keyof Port)[] } = {},
): Port {
  const readers = new Set<PropertyKey>(reads);
  return new Proxy(port as object, {
    get(target, name) {
      const method = Reflect.get(target, name) as (...args: unknown[]) => unknown;
      const called = { ...options, reads: readers.has(name) };
      return (...args: unknown[]) => scheduler.call(worker, place, () => method.apply(target, args), called);
    },
  }) as Port;
}
