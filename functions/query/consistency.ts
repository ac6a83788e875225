/**
 * Which database a reading verb asks: replicas that are at most some seconds old, or the writer.
 *
 * `consistency=strong` asks for all that is committed. Without it an answer may lack the last seconds, never more, and
 * all reads of one request come from one database, which does not get older meanwhile.
 */
import { Problem } from '#core/event/problem.ts';
import type { Catalogue, CriticalEvents } from '#core/query/ports.ts';
import type { HttpRequest, HttpVerb } from '#functions/runtime/request.ts';

const consistencies = ['bounded', 'strong'] as const;
export type Consistency = (typeof consistencies)[number];

/** What a reading verb reads events and their places from. */
export interface Sources {
  readonly critical: CriticalEvents;
  readonly catalogue: Catalogue;
}

export interface Reads {
  /** Whether there is a replica to ask at all. */
  readonly replicated: boolean;
  /** For one request: the sources are good for it alone. */
  from(consistency: Consistency): Sources;
}

/** A verb over sources as a verb that takes them for each request by its parameter. */
export function reading<Ports extends Partial<Sources>>(
  verb: HttpVerb<Ports>,
): HttpVerb<Omit<Ports, keyof Sources> & { readonly reads: Reads }> {
  return async ({ reads, ...ports }, request) => {
    const { consistency, rest } = consistencyOf(request);
    return verb({ ...ports, ...reads.from(consistency) } as unknown as Ports, rest);
  };
}

/**
 * The same for a verb that answers `not_found`: a replica's word that something is missing is not believed. A caller asks
 * for an event that was just written, and a verb that found nothing has done nothing, so it is asked again.
 */
export function readingOne<Ports extends Partial<Sources>>(
  verb: HttpVerb<Ports>,
): HttpVerb<Omit<Ports, keyof Sources> & { readonly reads: Reads }> {
  return async ({ reads, ...ports }, request) => {
    const { consistency, rest } = consistencyOf(request);
    const ask = (asked: Consistency) => verb({ ...ports, ...reads.from(asked) } as unknown as Ports, rest);
    if (consistency === 'strong' || !reads.replicated) return ask('strong');
    try {
      return await ask('bounded');
    } catch (error) {
      if (!(error instanceof Problem) || error.fault.code !== 'not_found') throw error;
      return ask('strong');
    }
  };
}

/** What the request asks for, and the request without it: verbs refuse parameters that they do not know. */
function consistencyOf(request: HttpRequest): { readonly consistency: Consistency; readonly rest: HttpRequest } {
  const values = request.query.getAll('consistency');
  if (values.length === 0) return { consistency: 'bounded', rest: request };
  const consistency = consistencies.find((one) => one === values[0]);
  if (values.length > 1 || !consistency) {
    throw new Problem('filter_invalid', `consistency must be one of ${consistencies.join(', ')}, once.`, {
      pointer: '/consistency',
    });
  }
  const query = new URLSearchParams(request.query);
  query.delete('consistency');
  return { consistency, rest: { ...request, query } };
}
