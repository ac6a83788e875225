/** The record that somebody took proofs out: durable before the answer, so that nobody takes any unseen. */
import type { Caller } from '#core/access/access.ts';
import type { Circumstances } from '#core/access/principal.ts';
import type { JsonObject } from '#core/event/event.ts';
import type { Recorder } from '#core/record/ports.ts';
import { eventBy } from '#functions/runtime/recorder.ts';

/** Records a look. Rejects with `Unavailable`; then there is no answer. */
export async function recordLook(
  { recorder }: { readonly recorder: Recorder },
  caller: Caller,
  at: Circumstances,
  action: 'audit_log.proof' | 'audit_log.range_proof' | 'export.read' | 'export.downloaded',
  details: JsonObject,
): Promise<void> {
  const why = {
    ...(at.purpose === undefined ? {} : { purpose: at.purpose }),
    ...(at.ticket === undefined ? {} : { ticket: at.ticket }),
  };
  const look = eventBy(caller, { action, context: { ip: at.sourceIp }, metadata: { ...details, ...why } });
  await recorder.record(caller.tenant, [look], at.now);
}
