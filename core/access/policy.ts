/** What a tenant decides for itself, as it comes over HTTP and as it is published. */
import * as z from 'zod';
import { categories, crudLetters, severities, tiers } from '#core/event/event.ts';
import type { RetentionPolicy } from '../archive/retention.ts';
import { type ProcessingStatements, statementNames } from '../privacy/package.ts';
import { mergeDelayBounds } from '../proof/seal-due.ts';
import type { CatalogueRule, TenantPolicy } from './access.ts';
import type { Tenant, TenantSettings } from './ports.ts';
import { purposeShape } from './principal.ts';

/** Rules are tried one after the other for each event: 500 take about 10 µs. */
export const catalogueRulesMax = 500;
/** Keys in one body: 500 rules of 5 keys, with room. The limit for events is far lower. */
export const policyKeysMax = 4096;
/** Compiled by every accept of the tenant at its first event. */
export const schemasMax = 200;
/** One schema; the published document stays readable in one small GET. */
export const schemaBytesMax = 32 * 1024;
/** All of a tenant's schemas: accept holds the policies of many tenants in memory. */
export const schemasBytesMax = 1024 * 1024;

const actionPattern = z
  .string()
  .max(128)
  .regex(/^(\*|[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*(\.?\*)?)$/, 'must be an action as noun.verb, and may end in *');
const rule = z
  .strictObject({
    action: actionPattern,
    category: z.enum(categories).optional(),
    tier: z.enum(tiers).optional(),
    crud: z.enum(crudLetters).optional(),
    severity: z.enum(severities).optional(),
  })
  .refine((one) => Object.keys(one).length > 1, 'must set a category, tier, crud or severity');

const seconds = ({ min, max }: { readonly min: number; readonly max: number }) =>
  z.number().int().min(min).max(max).optional();

/** Body of PUT /v1/policy: the whole policy, without the schemas, which have paths of their own. */
export const policyBody = z.strictObject({
  catalogue: z.array(rule).max(catalogueRulesMax).default([]),
  tiers: z.partialRecord(z.enum(categories), z.enum(tiers)).default({}),
  schema_mode: z.enum(['refuse', 'flag']).default('refuse'),
  purposes: z.array(z.string().regex(purposeShape, 'must be a word of 2 to 64 of a-z 0-9 _ -')).max(100).optional(),
  processing: z
    .partialRecord(z.enum(statementNames), z.string().trim().min(1).max(4096))
    .optional()
    .describe('What data subjects are told, GDPR Art. 15(1)(a) to (h) and 15(2)'),
  merge_delay_seconds: z
    .strictObject({ critical: seconds(mergeDelayBounds.critical), bulk: seconds(mergeDelayBounds.bulk) })
    .optional()
    .describe('How long after its commit an event may be missing from the published log, by tier'),
});

/** The settings that a body stands for; the schemas stay as they are. */
export function settingsOf(body: z.output<typeof policyBody>, schemas: TenantSettings['schemas']): TenantSettings {
  return {
    catalogue: body.catalogue.map((one) => Object.fromEntries(Object.entries(one)) as unknown as CatalogueRule),
    tiers: body.tiers as TenantSettings['tiers'],
    schemaMode: body.schema_mode,
    ...(body.purposes === undefined ? {} : { purposes: body.purposes }),
    ...(body.processing === undefined ? {} : { processing: body.processing as ProcessingStatements }),
    ...(body.merge_delay_seconds === undefined
      ? {}
      : { mergeDelaySeconds: body.merge_delay_seconds as NonNullable<TenantSettings['mergeDelaySeconds']> }),
    schemas,
  };
}

/** A policy as it is published to S3. */
export const tenantPolicy = (tenant: Tenant, settings: TenantSettings, retention?: RetentionPolicy): TenantPolicy => ({
  v: 1,
  tenant: tenant.id,
  name: tenant.name,
  ...settings,
  ...(retention ? { retention } : {}),
});
