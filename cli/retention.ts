/** Retention: how long events are kept. One person proposes a policy, another approves it. */
import { readFileSync } from 'node:fs';
import type { PurgeView, RetentionBody, RetentionVersionView, RetentionView } from '#client/retention.ts';
import { type Command, type Invocation, listMax, words } from './command.ts';
import { UsageError } from './fail.ts';
import { unknownVerb } from './key.ts';
import { say, table } from './print.ts';

const verbs = ['show', 'propose', 'approve', 'purges'] as const;

async function run(invocation: Invocation): Promise<number> {
  const { flags, out, err } = invocation;
  const [verb = 'show', ...rest] = invocation.words;
  const { retention } = invocation.open();
  const show = (one: object, shown: () => string) =>
    say({ out }, flags.json === true ? `${JSON.stringify(one)}\n` : shown());
  switch (verb) {
    case 'show': {
      words(rest, []);
      const view = await retention.get();
      show(view, () => viewText(view));
      return 0;
    }
    case 'propose': {
      const proposed = await retention.propose(bodyOf(words(rest, ['The file with the policy'])[0]!));
      show(proposed, () => policyText(proposed));
      if (flags.json !== true)
        err.write(`Somebody else approves it: trailkeep retention approve ${proposed.version}\n`);
      return 0;
    }
    case 'approve': {
      const [version] = words(rest, ['The version that you have read']);
      if (!/^[1-9]\d{0,8}$/.test(version!))
        throw new UsageError(`A version is a number, not ${JSON.stringify(version)}.`);
      const approved = await retention.approve(Number(version));
      show(approved, () => policyText(approved));
      return 0;
    }
    case 'purges': {
      words(rest, []);
      const { purges, next } = await retention.purges({ limit: listMax });
      if (flags.json === true) for (const one of purges) say({ out }, `${JSON.stringify(one)}\n`);
      else say({ out }, table(purgeHead, purges.map(purgeRow), out.isTTY ? out.columns : undefined));
      if (next) err.write('There are more; the API lists them with ?after=.\n');
      return 0;
    }
    default:
      throw unknownVerb('retention', verb, verbs);
  }
}

function bodyOf(file: string): RetentionBody {
  let text: string;
  try {
    text = readFileSync(file === '-' ? 0 : file, 'utf8');
  } catch (error) {
    throw new UsageError(`${JSON.stringify(file)} cannot be read: ${(error as NodeJS.ErrnoException).code}.`);
  }
  try {
    return JSON.parse(text) as RetentionBody;
  } catch {
    throw new UsageError(`${JSON.stringify(file)} is not JSON.`);
  }
}

function viewText({ policy, waiting, purging, overdue, held, next }: RetentionView): string {
  const lines = [
    policyText(policy),
    table(
      nextHead,
      next.map((one) => [one.class, String(one.files), one.purge_at ?? '-']),
    ),
  ];
  if (!purging) lines.push('Nothing is purged until a policy is approved.\n');
  if (overdue.files > 0) lines.push(`${overdue.files} files are past their end, the oldest of ${overdue.oldest}.\n`);
  if (held > 0) lines.push(`${held} files are past their end and kept by a legal hold.\n`);
  if (waiting) {
    lines.push(`\nVersion ${waiting.version} waits for a second person, proposed by ${waiting.proposed_by}:\n`);
    lines.push(policyText(waiting));
  }
  return lines.join('');
}

const classHead = ['CLASS', 'HOT', 'WARM', 'COLD', 'FORMAT', 'FOR', 'CATEGORIES'] as const;
const nextHead = ['CLASS', 'FILES', 'NEXT PURGE'] as const;
const purgeHead = ['ID', 'AT', 'POLICY', 'APPROVED BY', 'FILES', 'EVENTS'] as const;

function policyText({ version, classes, by_category, approved }: RetentionVersionView): string {
  const rows = Object.entries(classes).map(([name, one]) => [
    name,
    ...[one.hot, one.warm, one.cold].map(String),
    one.archive_format,
    one.compliance_requirements.join(' ') || '-',
    Object.entries(by_category)
      .flatMap(([category, of]) => (of === name ? category : []))
      .join(' '),
  ]);
  const head =
    version === 0
      ? 'The default policy'
      : `Version ${version}, ${approved ? `approved by ${approved.by}` : 'not approved'}`;
  return `${head}\n${table(classHead, rows)}`;
}

const purgeRow = (one: PurgeView): string[] => [
  one.id,
  one.started_at,
  String(one.policy_version),
  one.approved_by,
  String(one.files),
  String(one.events),
];

export const retentionCommand: Command = {
  name: 'retention',
  summary: 'say how long events are kept',
  usage: 'show | propose FILE | approve VERSION | purges',
  options: {},
  flags: [],
  examples: [
    ['trailkeep retention propose policy.json', 'classes as {"classes": {"critical": {"hot": 90, "warm": 365, …}}}'],
    ['trailkeep retention approve 2', 'by another person'],
  ],
  run,
};
