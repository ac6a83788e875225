/** The demo's file of H-codes: what somebody answers for, as core/costs/h-code.ts reads it. */

import type { Company } from './companies.ts';
import { costCentreOf, type DemoApplication, demoApplications } from './dataset.ts';

const columns = [
  'application',
  'controller',
  'h_code',
  'cost_centre',
  'sector',
  'owner',
  'architecture',
  'approved_by',
];

/** A row for what only the file knows, and one for each application that a bill names: bills have no tags. */
export function demoHCodes(company: Company, seed: number): string {
  const lines = [columns.join(',')];
  for (const one of demoApplications(company, seed)) {
    if (one.hCode === undefined) continue;
    if (one.hCodeBy === 'file') lines.push(row(one, one.controller));
    if (one.inCloud) lines.push(row(one, ''));
  }
  return `${lines.join('\n')}\n`;
}

const row = (one: DemoApplication, controller: string): string =>
  [
    one.name,
    controller,
    one.hCode,
    costCentreOf(one.hCode!),
    one.sector,
    one.owner,
    one.architecture,
    'finance@demo',
  ].join(',');
