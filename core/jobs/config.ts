/** What each kind of job asks for. Kinds that are not here say it where their verb is. */
import * as z from 'zod';
import { scopes } from '../costs/forecast/series.ts';
import { statementSettings } from '../costs/statement.ts';
import type { JsonObject } from '../event/event.ts';
import { exportFormats } from '../export/ports.ts';
import { rounds } from '../proof/verify-ports.ts';
import { listParameters, valueCharsMax, valuesMax } from '../query/filter.ts';
import type { JobKind } from './run.ts';

/** Parameters of a question that name no person: a job's config is kept as it is. */
const impersonal = [
  ...['action', 'category', 'crud', 'severity', 'outcome', 'data_class'],
  ...['target_type', 'project', 'environment', 'operation_id'],
] as const;
const valuesOf = (name: string) => {
  const values = listParameters[name]!.values;
  const one = values ? z.enum(values as [string, ...string[]]) : z.string().min(1).max(valueCharsMax);
  return z.array(one).min(1).max(valuesMax).optional();
};

/** Events of the last days, up to the moment that the schedule names. */
export const exportConfig = z.strictObject({
  last_days: z.int().min(1).max(366).default(1),
  format: z.enum(exportFormats).default('jsonl'),
  skip_archived: z.boolean().default(false),
  filter: z.strictObject(Object.fromEntries(impersonal.map((name) => [name, valuesOf(name)]))).default({}),
});

/** Which rounds of verification: rows of Postgres, the log with its segments, archive files. */
export const verifyConfig = z.strictObject({
  rounds: z
    .array(z.enum(rounds))
    .min(1)
    .max(3)
    .default([...rounds]),
});

export const retentionConfig = z.strictObject({});

/** A month's chargeback: `months_ago` before the month of the schedule. */
export const reportConfig = z.strictObject({
  months_ago: z.int().min(0).max(36).default(1),
  settings: statementSettings.default({ cost: 'effective' }),
});

/** A stream's newest load beside the one before it; `percent` is what a figure may differ by. */
export const compareConfig = z.strictObject({
  source: z.uuid().optional().describe('All sources when it is left out'),
  percent: z.number().min(0).max(10_000).default(20),
});

/** Where the webhook is called, and what is added to what it is told. */
export const webhookConfig = z.strictObject({
  url: z
    .url({ protocol: /^https$/ })
    .max(2048)
    .refine((url) => new URL(url).username === '' && new URL(url).password === '', 'has no user and no password'),
  data: z.record(z.string(), z.json()).default({}),
});

/** All views, of which only those are refreshed that something moved: there is nothing to choose. */
export const refreshConfig = z.strictObject({});

/** Which sources are loaded. `reload`: days, both included, that are asked for again although they are there. */
export const etlConfig = z.strictObject({
  sources: z.array(z.uuid()).max(100).optional().describe('All sources when they are left out'),
  reload: z
    .strictObject({ from: z.iso.date(), to: z.iso.date() })
    .refine(({ from, to }) => from <= to && Date.parse(to) - Date.parse(from) < 400 * 86_400_000, 'has 1 to 400 days')
    .optional(),
});

/** What is foretold, up to `settle_days` before the day of the schedule: days may still be coming in. */
export const forecastConfig = z.strictObject({
  scopes: z.array(z.enum(scopes)).min(1).max(2).optional().describe('Both when they are left out'),
  settle_days: z.int().min(1).max(31).default(1),
  again: z.boolean().default(false).describe('Also series that are foretold up to their last period'),
});
export type ForecastConfig = z.infer<typeof forecastConfig>;

const configs: Partial<Record<JobKind, z.ZodType>> = {
  etl: etlConfig,
  compare: compareConfig,
  export: exportConfig,
  forecast: forecastConfig,
  refresh: refreshConfig,
  report: reportConfig,
  retention: retentionConfig,
  verify: verifyConfig,
  'custom-webhook': webhookConfig,
};

/** What is wrong with a config, with a pointer into it, or undefined. */
export function configFault(
  kind: JobKind,
  config: JsonObject,
): { readonly pointer: string; readonly sentence: string } | undefined {
  const issue = configs[kind]?.safeParse(config).error?.issues[0];
  if (!issue) return undefined;
  return { pointer: `/config${issue.path.map((part) => `/${String(part)}`).join('')}`, sentence: issue.message };
}
