/** Whoami: what the platform takes the caller's key for. Any key may ask. */
import { Problem } from '#core/event/problem.ts';
import { onHttp } from '#functions/runtime/http.ts';
import type { HttpRequest, HttpResponse } from '#functions/runtime/request.ts';

export async function whoami(_ports: object, { caller }: HttpRequest): Promise<HttpResponse> {
  if (!caller) throw new Problem('unauthenticated', 'Send your API key as "Authorization: Bearer tk_…".');
  return {
    status: 200,
    body: {
      tenant: caller.tenant,
      key_id: caller.keyId,
      scopes: caller.scopes,
      project: caller.project ?? null,
      environment: caller.environment ?? null,
      events_per_second: caller.eventsPerSecond,
    },
  };
}

export const handler = onHttp(whoami, {});
