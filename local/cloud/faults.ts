/** Faults for tests: answers that AWS gives on a bad day. */

import { setTimeout as sleep } from 'node:timers/promises';
import { random } from '../random.ts';
import { AwsError, type Exchange, type Reply, type Service } from './exchange.ts';

export interface Fault {
  readonly service: Service['name'];
  /** As AWS names it, like PutObject; any when absent. */
  readonly operation?: string;
  /** How many calls it hits; one when absent, without end when there is a probability. */
  readonly times?: number;
  /** Hits this share of the calls, the same ones in every run; all when absent. */
  readonly probability?: number;
  /** Of the draws for `probability`. */
  readonly seed?: number;
  readonly status?: 500 | 503;
  readonly code?: string;
  /** Waits before anything else happens. */
  readonly delayMs?: number;
  /** The effect happens and the answer is lost. */
  readonly afterEffect?: boolean;
}

export class Faults {
  /** How many calls were hit so far. */
  injected = 0;
  #waiting: { readonly fault: Fault; readonly random: () => number; left: number }[] = [];

  add(fault: Fault): void {
    const times = fault.times ?? (fault.probability === undefined ? 1 : Number.POSITIVE_INFINITY);
    this.#waiting.push({ fault, random: random(fault.seed ?? 1), left: times });
  }

  clear(): void {
    this.#waiting = [];
  }

  /** Handles a call, or makes it fail as the first waiting fault for it says. */
  async around(service: Service, exchange: Exchange): Promise<Reply> {
    const hit = this.#take(service.name, service.operationOf(exchange));
    if (!hit) return service.handle(exchange);
    if (hit.delayMs !== undefined) await sleep(hit.delayMs);
    if (hit.status === undefined) return service.handle(exchange);
    if (hit.afterEffect) await service.handle(exchange);
    throw new AwsError(hit.status, hit.code ?? (hit.status === 503 ? 'ServiceUnavailable' : 'InternalError'));
  }

  #take(service: string, operation: string): Fault | undefined {
    const found = this.#waiting.find(
      ({ fault, random: next }) =>
        fault.service === service &&
        (fault.operation ?? operation) === operation &&
        (fault.probability === undefined || next() < fault.probability),
    );
    if (!found) return undefined;
    this.injected++;
    if (--found.left === 0) this.#waiting = this.#waiting.filter((one) => one !== found);
    return found.fault;
  }
}
