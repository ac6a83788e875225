/** Hands out a part of a package: noted and recorded before the first byte leaves. */
import type { Caller } from '#core/access/access.ts';
import { principalName } from '#core/access/decide.ts';
import { Problem } from '#core/event/problem.ts';
import type { PrivacyRequest } from '#core/privacy/request.ts';
import type { HttpRequest, HttpResponse } from '#functions/runtime/request.ts';
import { openBoxes } from './boxes.ts';
import { packagePlace } from './build-package.ts';
import type { ExecutePorts } from './execute.ts';
import { stepEvent } from './step.ts';

/** `GET …/package?part=1`. Not found when there is none, when its 30 days are over, and when the subject was erased. */
export async function handOut(
  ports: ExecutePorts,
  { query, now }: HttpRequest,
  caller: Caller,
  request: PrivacyRequest,
): Promise<HttpResponse> {
  const { tenant } = caller;
  const asked = query.get('part') ?? '1';
  const part = request.notes.package?.parts.find((one) => String(one.part) === asked);
  const box = part && (await ports.packages.get(tenant, request.id, `${request.notes.package!.run}-${part.part}`));
  if (!part || box === undefined) throw gone();
  const [zip, subject] = await openBoxes(ports, tenant, [
    { place: packagePlace(request, part.part), box },
    { place: { tenant, id: request.id, what: 'subject' }, box: request.subjectBox },
  ]);
  if (zip === undefined || subject === undefined) throw gone();
  const recipient = principalName(caller);
  const event = {
    ...stepEvent(request, '', { caller, subject }),
    action: 'privacy.package.read',
    metadata: { part: part.part, events: part.events },
  };
  await ports.recorder.record(tenant, [event], now);
  await ports.deliveries.note([
    {
      id: ports.ids.uuidv7(now),
      tenant,
      ...(request.subjectRef === undefined ? {} : { subjectRef: request.subjectRef }),
      recipient,
      kind: 'package',
      reference: `${request.notes.package!.run}`,
      deliveredAt: now,
    },
  ]);
  return {
    status: 200,
    headers: {
      'content-type': 'application/zip',
      'content-disposition': `attachment; filename="privacy-${request.id}-${part.part}.zip"`,
    },
    body: new Uint8Array(Buffer.from(zip, 'base64')),
  };
}

const gone = (): Problem => new Problem('not_found', 'There is no such part of a package, or it is there no more.');
