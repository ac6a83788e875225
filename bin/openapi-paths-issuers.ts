/** What the API does about those who vouch for people; merged with bin/openapi-paths.ts by bin/openapi.ts. */
import { createIssuerBody } from '#core/access/issuer.ts';
import {
  body,
  json,
  list,
  maybe,
  type Operation,
  object,
  ok,
  paging,
  pathParameter,
  schemaOf,
  text,
  time,
} from './openapi-words.ts';

const issuer = object({
  id: text,
  issuer: { type: 'string', description: '`iss` of its tokens, to the letter.' },
  name: text,
  audience: { type: 'array', items: text },
  tenant_claim: { ...maybe(text), description: 'Of an issuer that tenants share: the claim that names the tenant.' },
  subject_prefix: { ...maybe(text), description: 'Comes before `sub` in the ids of its people.' },
  always_mfa: { type: 'boolean', description: 'It lets nobody in without a second factor, and does not say so.' },
  created_at: time,
});
const tenantId = pathParameter('tenantId', 'Tenant id');
const one = [tenantId, pathParameter('issuerId', 'UUIDv7')];

export const issuerPaths: Record<string, Record<string, Operation>> = {
  '/v1/tenants/{tenantId}/issuers': {
    get: {
      summary: "List a tenant's issuers",
      scope: 'admin',
      parameters: [tenantId, ...paging],
      answers: ok('Issuers.', list('issuers', issuer)),
      problems: ['not_found'],
    },
    post: {
      summary: 'Let an OIDC issuer vouch for people of a tenant',
      description:
        'Its tokens are taken as `Authorization: Bearer` within a minute. The platform registers them, because it fetches from their addresses.',
      scope: 'admin',
      parameters: [tenantId],
      body: body(schemaOf(createIssuerBody)),
      answers: { 201: { description: 'The issuer.', content: json(issuer) } },
      problems: ['not_found', 'conflict', 'request_invalid'],
    },
  },
  '/v1/tenants/{tenantId}/issuers/{issuerId}': {
    get: {
      summary: 'One issuer',
      scope: 'admin',
      parameters: one,
      answers: ok('The issuer.', issuer),
      problems: ['not_found'],
    },
    delete: {
      summary: 'Take an issuer back',
      description: 'Its tokens are refused two minutes later at the latest.',
      scope: 'admin',
      parameters: one,
      answers: { 204: { description: 'Taken back.' } },
      problems: ['not_found'],
    },
  },
};
