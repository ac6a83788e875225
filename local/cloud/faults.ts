/** Faults for tests: answers that AWS gives on a bad day. */
import { setTimeout as sleep } from 'node:timers/promises';
import { AwsError, type Exchange, type Reply, type Service } from './exchange.ts';

export interface Fault {
  readonly service: Service['name'];
  /** Any operation when absent. */
  readonly operation?: string;
  /** How many calls it hits; one when absent. */
  readonly times?: number;
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
  #waiting: { readonly fault: Fault; left: number }[] = [];

  add(fault: Fault): void {
    this.#waiting.push({ fault, left: fault.times ?? 1 });
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
      ({ fault }) => fault.service === service && (fault.operation ?? operation) === operation,
    );
    if (!found) return undefined;
    this.injected++;
    if (--found.left === 0) this.#waiting = this.#waiting.filter((one) => one !== found);
    return found.fault;
  }
}
