/**
 * Open intake: the admin gives a tenant a queue of its own that producers inside AWS may send to.
 *
 * The queue's name is random and the tenant is published beside it, so a message's tenant follows from the
 * queue alone. Opening twice answers with the same queue; a crash half-way is finished by asking again.
 */
import { Problem } from '#core/event/problem.ts';
import { isUuid } from '#core/event/uuid.ts';
import type { Control, IntakeQueues, Publisher } from '#core/record/ports.ts';
import { onHttp, requireScope } from '#functions/runtime/http.ts';
import { openControl, openIntakeQueues, openPublisher } from '#functions/runtime/open.ts';
import type { HttpRequest, HttpResponse } from '#functions/runtime/request.ts';

export interface OpenIntakePorts {
  readonly control: Pick<Control, 'tenant'>;
  readonly publisher: Publisher;
  readonly queues: IntakeQueues;
}

export async function openIntake(ports: OpenIntakePorts, request: HttpRequest): Promise<HttpResponse> {
  requireScope(request, 'admin');
  const tenantId = (request.params.tenantId ?? '').toLowerCase();
  const tenant = isUuid(tenantId) ? await ports.control.tenant(tenantId) : undefined;
  const queue =
    tenant && (request.method === 'POST' ? await ports.queues.open(tenantId) : await ports.queues.find(tenantId));
  if (!queue) throw new Problem('not_found', 'There is no such tenant, or it has no intake queue.');
  if (request.method === 'POST') await ports.publisher.putIntake(queue.queueName, tenantId);
  return {
    status: request.method === 'POST' ? 201 : 200,
    body: { queue_url: queue.queueUrl, queue_arn: queue.queueArn },
  };
}

export const handler = onHttp(openIntake, {
  control: openControl,
  publisher: openPublisher,
  queues: openIntakeQueues,
});
