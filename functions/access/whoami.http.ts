/** Whoami: what the platform takes the caller for. Anybody may ask; it says nothing of roles, which need a database. */
import { Problem } from '#core/event/problem.ts';
import { onHttp } from '#functions/runtime/http.ts';
import type { HttpRequest, HttpResponse } from '#functions/runtime/request.ts';

export async function whoami(_ports: object, { caller }: HttpRequest): Promise<HttpResponse> {
  if (!caller) throw new Problem('unauthenticated', 'Send your API key as "Authorization: Bearer tk_…".');
  const { person } = caller;
  return {
    status: 200,
    body: {
      tenant: caller.tenant,
      kind: caller.kind,
      key_id: caller.keyId,
      scopes: caller.scopes,
      person: person
        ? {
            id: person.id,
            name: person.name ?? null,
            email: person.email ?? null,
            mfa_at: person.mfaAt === undefined ? null : new Date(person.mfaAt).toISOString(),
            on_behalf_of: person.onBehalfOf ?? null,
          }
        : null,
      service_account: caller.serviceAccount ?? null,
      project: caller.project ?? null,
      environment: caller.environment ?? null,
      events_per_second: caller.eventsPerSecond,
    },
  };
}

export const handler = onHttp(whoami, {});
