/** Sources: where usage, licences, costs and what belongs to whom are loaded from. */
import * as z from 'zod';
import type { JsonObject } from '../event/event.ts';

export const sourceKinds = ['appdynamics', 'servicenow', 'focus', 'h-code'] as const;
export type SourceKind = (typeof sourceKinds)[number];

const day = z.iso.date();
const words = z.array(z.string().min(1).max(100)).max(10);
/** Where an application says to whom it belongs; of several names the first one that is there counts. */
const said = {
  h_code: words.optional(),
  cost_centre: words.optional(),
  sector: words.optional(),
  owner: words.optional(),
  architecture: words.optional(),
};
const place = {
  /** `https://<account>.saas.appdynamics.com`, or a path below which the API lies. */
  url: z.url({ protocol: /^https?$/ }).max(500),
  client_id: z.string().min(1).max(200),
};

const appDynamics = z.strictObject({
  ...place,
  /** Asked for when absent. */
  account_id: z
    .string()
    .regex(/^[\w-]{1,100}$/)
    .optional(),
  /** First day that is loaded; 90 days before the first run when absent. */
  from_day: day.optional(),
  /** Days before the newest that are looked at again: usage comes in late. */
  late_days: z.int().min(0).max(31).default(2),
  tags: z.strictObject(said).prefault({}),
  /** What nodes are charged as where a controller knows no licence units ("Not supported for Agent"). */
  agent_package: z.string().min(1).max(100).default('AGENT_BASED'),
});

const serviceNow = z.strictObject({
  ...place,
  tables: z
    .array(z.string().regex(/^[a-z0-9_]{1,80}$/))
    .min(1)
    .max(10)
    .default(['cmdb_ci_appl', 'cmdb_ci_service']),
  fields: z.strictObject(said).prefault({}),
});

const focus = z.strictObject({
  /** Key of the tag that names an application. */
  application_tag: z.string().min(1).max(255).optional(),
  /** Whether rows without the tag belong to an application that is named as their resource. */
  resources: z.boolean().default(false),
});

const hCode = z.strictObject({
  /** Where nothing else says it: `*` stands for any letters of an application's name. The first that fits counts. */
  names: z
    .array(
      z.strictObject({
        like: z.string().min(1).max(200),
        h_code: z.string().min(1).max(100),
        cost_centre: z.string().max(100).default(''),
      }),
    )
    .max(1000)
    .default([]),
});

const settings = { appdynamics: appDynamics, servicenow: serviceNow, focus, 'h-code': hCode };
export type AppDynamicsSettings = z.output<typeof appDynamics>;
export type ServiceNowSettings = z.output<typeof serviceNow>;
export type FocusSettings = z.output<typeof focus>;
export type HCodeSettings = z.output<typeof hCode>;

const base = { name: z.string().trim().min(1).max(200), secret: z.string().min(1).max(4096).optional() };
/** What somebody sends to make a source. The secret goes elsewhere and is never shown again. */
export const sourceBody = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('appdynamics'), ...base, settings: appDynamics }),
  z.strictObject({ kind: z.literal('servicenow'), ...base, settings: serviceNow }),
  z.strictObject({ kind: z.literal('focus'), ...base, settings: focus.prefault({}) }),
  z.strictObject({ kind: z.literal('h-code'), ...base, settings: hCode.prefault({}) }),
]);

/** Settings that were kept as JSON. Throws what zod throws: they were in order when they were kept. */
export function settingsOf<K extends SourceKind>(kind: K, kept: unknown): z.output<(typeof settings)[K]> {
  return settings[kind].parse(kept) as z.output<(typeof settings)[K]>;
}
/** The same of what somebody sends, for a pointer to what is wrong. */
export const settingsSchema = (kind: SourceKind) => settings[kind];

export interface Source {
  readonly tenant: string;
  /** UUIDv7. */
  readonly id: string;
  readonly kind: SourceKind;
  readonly name: string;
  readonly settings: JsonObject;
  readonly createdBy: string;
  readonly createdAt: Date;
  readonly changedAt: Date;
}

/** Those that are asked over HTTP; the others wait for files. */
export const isAsked = (kind: SourceKind): kind is 'appdynamics' | 'servicenow' =>
  kind === 'appdynamics' || kind === 'servicenow';

/** Names of files in an inbox: one folder, and nothing that a path or an address would read otherwise. */
const fileName = /^[A-Za-z0-9][A-Za-z0-9._=-]{0,149}$/;
export const isFileName = (name: string): boolean => fileName.test(name);
/** What can be loaded, by the end of the name. */
export const fileKinds: Readonly<Record<'focus' | 'h-code', readonly string[]>> = {
  focus: ['.csv', '.csv.gz', '.parquet'],
  'h-code': ['.csv', '.csv.gz'],
};
