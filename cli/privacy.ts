/** Requests of data subjects: from the letter that came in to the package or the certificate. */
import { existsSync, writeFileSync } from 'node:fs';
import type { PrivacyRequestBody, PrivacyRequestView } from '#client/privacy.ts';
import type { LegalBasis } from '#core/privacy/legal-basis.ts';
import {
  type IdentityMethod,
  identityMethods,
  type RequestState,
  type RequestType,
  requestStates,
  requestTypes,
} from '#core/privacy/request.ts';
import { type Command, type Flags, type Invocation, listMax, text, texts, whole, words } from './command.ts';
import { UsageError } from './fail.ts';
import { unknownVerb } from './key.ts';
import { fields, say, table } from './print.ts';

const verbs = ['list', 'open', 'show', 'verify', 'approve', 'refuse', 'extend', 'cancel', 'package'] as const;
const theId = 'The id of the request';

async function run(invocation: Invocation): Promise<number> {
  const { flags, out, err } = invocation;
  const [verb = 'list', ...rest] = invocation.words;
  const json = flags.json === true;
  const { privacy } = invocation.open();
  const show = (one: PrivacyRequestView) => say({ out }, json ? `${JSON.stringify(one)}\n` : fields(flat(one)));
  const id = () => words(rest, [theId])[0]!;
  const withReason = (): readonly [string, { reason: string }] => {
    const [which, reason] = words(rest, [theId, 'The reason, in quotes']);
    return [which!, { reason: reason! }];
  };
  switch (verb) {
    case 'list': {
      words(rest, []);
      const state = oneOf(text(flags, 'state'), requestStates, '--state') as RequestState | undefined;
      const { requests, next } = await privacy.list({ limit: listMax, ...(state ? { state } : {}) });
      if (json) for (const one of requests) say({ out }, `${JSON.stringify(one)}\n`);
      else {
        const rows = requests.map((one) => [one.id, one.type, one.state, one.subject ?? '-', one.due_at]);
        say({ out }, table(['ID', 'TYPE', 'STATE', 'SUBJECT', 'DUE'], rows, out.isTTY ? out.columns : undefined));
      }
      if (next) err.write('There are more; the API lists them with ?after=.\n');
      return 0;
    }
    case 'open': {
      const [type, subject] = words(rest, ['The type', 'The id of the person']);
      show(await privacy.open(bodyOf(oneOf(type, requestTypes, 'The type') as RequestType, subject!, flags)));
      return 0;
    }
    case 'show':
      show(await privacy.get(id()));
      return 0;
    case 'verify': {
      const [which, method] = words(rest, [theId, `How: ${identityMethods.join(', ')}`]);
      const checked = oneOf(method, identityMethods, 'The method') as IdentityMethod;
      show(await privacy.verify(which!, { method: checked }));
      return 0;
    }
    case 'approve':
      show(await privacy.approve(id()));
      return 0;
    case 'refuse':
      show(await privacy.refuse(...withReason()));
      return 0;
    case 'extend':
      show(await privacy.extend(...withReason()));
      return 0;
    case 'cancel':
      show(await privacy.cancel(id()));
      return 0;
    case 'package': {
      const which = id();
      const part = whole(flags, 'part', 1, 9999) ?? 1;
      const file = text(flags, 'out') ?? `privacy-${which}-${part}.zip`;
      // Before it is asked for: that it was taken is noted there.
      if (existsSync(file)) throw new UsageError(`${file} is there already; say --out FILE.`);
      // Personal data: for the one who runs this alone.
      writeFileSync(file, await privacy.package(which, part), { mode: 0o600, flag: 'wx' });
      say({ out }, json ? `${JSON.stringify({ file })}\n` : `${file}\n`);
      return 0;
    }
    default:
      throw unknownVerb('privacy', verb, verbs);
  }
}

function bodyOf(type: RequestType, subject: string, flags: Flags): PrivacyRequestBody {
  const given = (name: string, as: string) => {
    const value = text(flags, name);
    return value === undefined ? {} : { [as]: value };
  };
  const events = texts(flags, 'event');
  const basis = text(flags, 'legal-basis') as LegalBasis | undefined;
  return {
    type,
    subject,
    ...given('contact', 'contact'),
    ...given('statement', 'statement'),
    ...(events.length === 0 ? {} : { events }),
    ...(flags.lift === true ? { lift: true } : {}),
    ...(flags.retain === true ? { retain_audit_trail: true } : {}),
    ...(basis === undefined ? {} : { legal_basis: basis }),
    ...given('legal-reference', 'legal_reference'),
    ...given('retain-until', 'retain_until'),
  };
}

function oneOf(given: string | undefined, all: readonly string[], what: string): string | undefined {
  if (given !== undefined && !all.includes(given)) throw new UsageError(`${what} is one of ${all.join(', ')}.`);
  return given;
}

/** What is in an object is one line each. */
function flat(one: object, prefix = ''): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(one).flatMap(([name, value]) =>
      typeof value === 'object' && value !== null && !Array.isArray(value)
        ? Object.entries(flat(value, `${prefix}${name}_`))
        : [[prefix + name, Array.isArray(value) ? JSON.stringify(value) : value]],
    ),
  );
}

export const privacyCommand: Command = {
  name: 'privacy',
  summary: 'answer data subjects: copies, erasures, restrictions',
  usage: 'list | open TYPE SUBJECT | show ID | verify ID METHOD | approve ID | refuse ID REASON | package ID',
  options: {
    state: { type: 'string' },
    contact: { type: 'string' },
    statement: { type: 'string' },
    event: { type: 'string', multiple: true },
    lift: { type: 'boolean' },
    retain: { type: 'boolean' },
    'legal-basis': { type: 'string' },
    'legal-reference': { type: 'string' },
    'retain-until': { type: 'string' },
    part: { type: 'string' },
    out: { type: 'string' },
  },
  flags: [
    ['--state STATE', 'list only those in this state'],
    ['--contact ADDRESS', 'open: where the person wants the answer'],
    ['--statement TEXT', 'open rectification: what is wrong and what is right'],
    ['--event ID', 'open rectification: in which event; may be repeated'],
    ['--lift', 'open restriction: lift it'],
    ['--retain', 'open erasure: keep the keys in the vault for a legal reason'],
    ['--legal-basis GROUND', 'with --retain: art17_3_b_legal_obligation, …'],
    ['--legal-reference TEXT', 'with --retain: the rule, as "PCI DSS 10.5.1"'],
    ['--retain-until TIME', 'with --retain: when the keys are destroyed all the same'],
    ['--part N', 'package: which part (1)'],
    ['--out FILE', 'package: where to write it'],
  ],
  examples: [
    ['trailkeep privacy open erasure ada --contact ada@example.com', 'somebody asked to be forgotten'],
    ['trailkeep privacy verify 0198c2d0-… id_document', 'it is really Ada'],
    ['trailkeep privacy approve 0198c2d0-… --key tk_…', 'by somebody else'],
  ],
  run,
};
