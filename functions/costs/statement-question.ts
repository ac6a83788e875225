import * as z from 'zod';
import { monthShape } from '#core/costs/month.ts';
import { type StatementSettings, statementSettings } from '#core/costs/statement.ts';
import { Problem } from '#core/event/problem.ts';

/** `statement`: what counts now, approved or a draft. `draft`: as it would be now. `showback`: of the month alone. */
export const statementKinds = ['statement', 'draft', 'showback'] as const;
export const statementFormats = ['json', 'csv', 'html'] as const;

const shape = z.strictObject({
  month: monthShape,
  kind: z.enum(statementKinds).default('statement'),
  format: z.enum(statementFormats).default('json'),
  cost: z.string().optional(),
  shared: z.string().optional(),
  shared_by: z.string().optional(),
});

/** The query of a statement; `settings` are undefined where it names none. Throws `request_invalid` with a pointer. */
export function statementQuestion(query: URLSearchParams) {
  const asked = shape.safeParse(Object.fromEntries(query));
  if (!asked.success) throw invalid(asked.error.issues[0]!);
  const { month, kind, format, cost, shared, shared_by: by } = asked.data;
  const names = [cost, shared, by].some((one) => one !== undefined);
  const settings = names
    ? settingsOf({
        ...(cost === undefined ? {} : { cost }),
        ...(shared === undefined && by === undefined
          ? {}
          : { shared: { h_codes: (shared ?? '').split(',').filter(Boolean), by: by ?? 'cost' } }),
      })
    : undefined;
  return { month, kind, format, settings };
}

function settingsOf(given: object): StatementSettings {
  const settings = statementSettings.safeParse(given);
  if (!settings.success) throw invalid(settings.error.issues[0]!);
  return settings.data;
}

function invalid({ path, message }: z.core.$ZodIssue): Problem {
  const name = path[0] === 'shared' && path[1] === 'by' ? 'shared_by' : String(path[0] ?? '');
  return new Problem('request_invalid', `${name || 'The query'}: ${message}.`, name ? { pointer: `/${name}` } : {});
}
