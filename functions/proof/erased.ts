/** Which fields of stored events nobody can open any more. */
import type { Event } from '#core/event/event.ts';
import type { SubjectKeys } from '#core/privacy/ports.ts';

interface ErasedPorts {
  readonly subjectKeys: Pick<SubjectKeys, 'open'>;
}

/** Pointers of the envelopes of one event whose keys are destroyed. Only the state of keys is asked for; nothing is decrypted. */
export async function erasedFields(ports: ErasedPorts, tenant: string, event: Event): Promise<string[]> {
  return (await erasedIn(ports, tenant, [event]))[0]!;
}

/** The same for many events at once, in their order. */
export async function erasedIn(
  { subjectKeys }: ErasedPorts,
  tenant: string,
  events: readonly Event[],
): Promise<string[][]> {
  const ids = [...new Set(events.flatMap(({ sealed }) => sealed?.map(({ key }) => key) ?? []))];
  const keys = ids.length === 0 ? new Map() : await subjectKeys.open(tenant, ids);
  return events.map(({ sealed = [] }) =>
    sealed.flatMap(({ key, at }) => ((keys.get(key)?.state ?? 'shredded') === 'shredded' ? [...at] : [])),
  );
}
