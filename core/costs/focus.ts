/**
 * Rows of FOCUS cost files (FinOps Open Cost and Usage Specification 1.0 to 1.2) as charges: four costs, kept apart and as
 * they are. Columns are found by name; those that we do not know are left alone.
 */
import * as z from 'zod';
import { parseJson } from '../event/json.ts';
import { dayOf, isDay } from './day.ts';
import { formatDecimal, parseDecimal } from './decimal.ts';
import type { ApplicationName, ChargeRow, Rejected } from './rows.ts';
import type { FocusSettings } from './source.ts';

/** Columns that a file cannot do without. */
export const focusColumns = [
  'BilledCost',
  'EffectiveCost',
  'ContractedCost',
  'ListCost',
  'BillingCurrency',
  'ChargeCategory',
  'ChargePeriodStart',
  'ProviderName',
  'ServiceCategory',
  'ServiceName',
] as const;
/** Columns that are read as well. */
export const focusMoreColumns = [
  'ChargeClass',
  'SubAccountName',
  'SubAccountId',
  'RegionId',
  'RegionName',
  'ResourceId',
  'Tags',
] as const;

/** `Usage` and what else the specification has; a word of another version is loaded as it is. */
const maxLength = 2048;
const keyMax = 500;
const currency = /^[A-Z]{3}$/;
const tagsOf = z.record(z.string(), z.json());

/** A column's text; the specification's null is written as NULL in some files and as nothing in others. */
const text = (row: Readonly<Record<string, unknown>>, column: string): string => {
  const value = row[column];
  return typeof value === 'string' && value !== 'NULL' && value !== 'null' ? value.trim() : '';
};

export type FocusRow =
  | { readonly ok: true; readonly charge: ChargeRow }
  | { readonly ok: false; readonly rejected: Rejected };

/**
 * Reads rows of one file: a charge, or why it is none. `line` is a row's number in the file, from 1. What rows have in
 * common, times and tags, is read once.
 */
export function focusReader(settings: FocusSettings) {
  const days = remembering(dayIn);
  const tagged = remembering((tags: string) => tagOf(tags, settings.application_tag));
  return (row: Readonly<Record<string, unknown>>, line: number): FocusRow => {
    const known = { dayIn: days, tagOf: tagged, resources: settings.resources };
    return readFocusRow(row, line, known);
  };
}

const rememberedMax = 10_000;
function remembering<T>(read: (text: string) => T): (text: string) => T {
  const known = new Map<string, T>();
  return (text) => {
    if (known.has(text)) return known.get(text) as T;
    if (known.size >= rememberedMax) known.clear();
    const value = read(text);
    known.set(text, value);
    return value;
  };
}

interface Readers {
  readonly dayIn: (time: string) => string | undefined;
  readonly tagOf: (tags: string) => string | undefined;
  readonly resources: boolean;
}

function readFocusRow(row: Readonly<Record<string, unknown>>, line: number, read: Readers): FocusRow {
  const refuse = (code: string, reason: string): FocusRow => ({
    ok: false,
    rejected: { place: `row ${line}`, code, reason, row: JSON.stringify(row) },
  });
  const costs: string[] = [];
  for (const column of ['BilledCost', 'EffectiveCost', 'ListCost', 'ContractedCost']) {
    const given = text(row, column);
    // Some providers leave it out where nothing was negotiated: it is the list's cost then.
    const amount = parseDecimal(given === '' && column === 'ContractedCost' ? costs[2]! : given);
    if (!amount || amount.scale > 30) return refuse('amount_invalid', `${column} is not a decimal number.`);
    costs.push(formatDecimal(amount));
  }
  const money = text(row, 'BillingCurrency');
  if (!currency.test(money)) return refuse('currency_invalid', 'BillingCurrency is not a code of ISO 4217.');
  const day = read.dayIn(text(row, 'ChargePeriodStart'));
  if (!day) return refuse('time_invalid', 'ChargePeriodStart is not a time.');
  const [chargeCategory, provider, serviceCategory, serviceName] = [
    'ChargeCategory',
    'ProviderName',
    'ServiceCategory',
    'ServiceName',
  ].map((column) => text(row, column)) as [string, string, string, string];
  if (chargeCategory === '') return refuse('category_missing', 'ChargeCategory is empty.');
  if (provider === '') return refuse('provider_missing', 'ProviderName is empty.');
  const resource = text(row, 'ResourceId');
  const long = [chargeCategory, provider, serviceCategory, serviceName, resource].some((one) => one.length > maxLength);
  if (long) return refuse('text_too_long', `A text has more than ${maxLength} characters.`);
  // By the tag that the source's settings name, else by resource where they want that; else nobody's.
  const named = read.tagOf(text(row, 'Tags')) ?? (read.resources && resource !== '' ? resource : undefined);
  const application: ApplicationName | undefined =
    named === undefined ? undefined : { controller: '', key: named.slice(0, keyMax) };
  const [billed, effective, list, contracted] = costs as [string, string, string, string];
  return {
    ok: true,
    charge: {
      ...{ line, day, chargeCategory, chargeClass: text(row, 'ChargeClass'), provider, serviceCategory, serviceName },
      subAccount: text(row, 'SubAccountName') || text(row, 'SubAccountId'),
      region: text(row, 'RegionId') || text(row, 'RegionName'),
      ...{ resource, currency: money, billed, effective, contracted, list },
      ...(application ? { application } : {}),
    },
  };
}

/** `2024-09-18 23:00:00`, `2024-09-18T23:00:00Z`, `2024-09-18`. Times without a zone are UTC, as FOCUS wants them. */
function dayIn(time: string): string | undefined {
  const day = time.slice(0, 10);
  if (!isDay(day)) return undefined;
  if (time.length === 10) return day;
  const full = time.replace(' ', 'T');
  const at = new Date(/(?:Z|[+-]\d{2}:?\d{2})$/.test(full) ? full : `${full}Z`);
  return Number.isNaN(at.getTime()) ? undefined : dayOf(at);
}

/** The value of a tag that is a text. */
function tagOf(tags: string, key: string | undefined): string | undefined {
  if (key === undefined || tags === '') return undefined;
  const parsed = parseJson(tags);
  const read = tagsOf.safeParse(parsed.ok ? parsed.value : undefined);
  const value = read.success && Object.hasOwn(read.data, key) ? read.data[key] : undefined;
  return typeof value === 'string' && value.trim() !== '' ? value.trim() : undefined;
}
