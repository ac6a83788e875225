/** What a data subject gets: its own values in files that people and machines read, and what Art. 15 asks to be said. */
import type { Json } from '#core/event/event.ts';
import { csvLine } from './csv.ts';
import type { ShownEvent } from './open.ts';
import { thirdPartyText } from './sealed.ts';

/** One part of a package, as text. */
export interface PackageFile {
  readonly name: string;
  readonly text: string;
}

export interface PackageAbout {
  readonly request: string;
  readonly type: 'access' | 'portability';
  /** Names this copy to whoever is later told of an erasure (Art. 19). */
  readonly delivery: string;
  readonly subject: string;
  readonly part: number;
  readonly events: number;
  readonly generatedAt: Date;
  readonly controller: string;
  /** Who was given data of the subject before. */
  readonly recipients: readonly string[];
  readonly statements: ProcessingStatements;
}

/** What only the controller can say about its processing; its policy says it. */
export const statementNames = [
  'purposes',
  'recipients',
  'retention',
  'source',
  'automated_decisions',
  'transfers',
] as const;
/** What it has said. Nothing is invented where it said nothing. */
export type ProcessingStatements = Partial<Readonly<Record<(typeof statementNames)[number], string>>>;

const unsaid = 'The controller has not stated this here. You may ask it, and it must answer.';

/** Art. 15(1)(a) to (h) and 15(2). */
export function processingInformation(about: PackageAbout): object {
  const { controller, statements, recipients } = about;
  return {
    controller,
    'art_15_1_a purposes': statements.purposes ?? unsaid,
    'art_15_1_b categories of personal data':
      'Identifiers, names and addresses of persons; IP addresses, devices, places and sessions; what was done, when and with what result; values before and after a change, and free text. Which of them concern you is in data/.',
    'art_15_1_c recipients': [statements.recipients ?? unsaid, ...recipients],
    'art_15_1_d retention': statements.retention ?? unsaid,
    'art_15_1_e rights':
      'You may ask the controller for rectification, erasure or restriction of your data, and object to its processing.',
    'art_15_1_f complaint': 'You may lodge a complaint with a supervisory authority, in particular where you live.',
    'art_15_1_g source':
      statements.source ??
      "Recorded by the controller's own applications while you, or somebody who acted on your data, used them.",
    'art_15_1_h automated decisions':
      statements.automated_decisions ?? `This audit log decides nothing about you. Of other systems: ${unsaid}`,
    'art_15_2 transfers': statements.transfers ?? unsaid,
  };
}

/** The files of one part, without the manifest, which needs their digests. */
export function packageFiles(about: PackageAbout, events: readonly ShownEvent[]): PackageFile[] {
  return [
    { name: 'README.html', text: readme(about) },
    { name: 'data/events.jsonl', text: events.map((event) => `${JSON.stringify(event)}\n`).join('') },
    { name: 'data/events.csv', text: csvLine(csvHeader) + events.map((event) => csvLine(csvCells(event))).join('') },
    { name: 'info/processing.json', text: `${JSON.stringify(processingInformation(about), null, 2)}\n` },
  ];
}

export function packageManifest(
  about: PackageAbout,
  files: readonly { readonly name: string; readonly bytes: number; readonly sha256: string }[],
): PackageFile {
  const manifest = {
    v: 1,
    request: about.request,
    delivery: about.delivery,
    question: `Events of both tiers in which ${about.subject} acts, is acted on, or is the subject; newest first.`,
    part: about.part,
    events: about.events,
    generated_at: about.generatedAt.toISOString(),
    files,
  };
  return { name: 'manifest.json', text: `${JSON.stringify(manifest, null, 2)}\n` };
}

const csvHeader = ['id', 'occurred_at', 'action', 'outcome', 'actor_type', 'actor_id', 'actor_name', 'actor_email'];
csvHeader.push('target_types', 'target_ids', 'ip', 'user_agent', 'service', 'reason', 'changes', 'metadata');

function csvCells(event: ShownEvent): string[] {
  const { actor, targets = [], context = {}, outcome, changes, metadata } = event;
  const json = (value: Json | undefined | readonly object[]) => (value === undefined ? '' : JSON.stringify(value));
  return [
    ...[event.id, event.occurred_at, event.action, outcome.result],
    ...[actor.type, actor.id, actor.name ?? '', actor.email ?? ''],
    ...[targets.map(({ type }) => type).join(' '), targets.map(({ id }) => id).join(' ')],
    ...[context.ip ?? '', context.user_agent ?? '', context.service ?? '', outcome.reason ?? ''],
    ...[json(changes), json(metadata)],
  ];
}

const escaped = (text: string): string =>
  text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;');

const readme = (about: PackageAbout): string => `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<title>Your data</title>
<h1>Your data at ${escaped(about.controller)}</h1>
<p>You asked for a copy of your personal data (GDPR Art. ${about.type === 'access' ? '15' : '20'}). This is part
${about.part} of the answer to request ${escaped(about.request)}, made on ${about.generatedAt.toISOString()}; it holds
${about.events} events of an audit log.</p>
<ul>
<li><code>data/events.jsonl</code>: every event, one JSON object a line</li>
<li><code>data/events.csv</code>: the same as a table</li>
<li><code>info/processing.json</code>: what your data is processed for, and your rights</li>
<li><code>manifest.json</code>: every file with its SHA-256</li>
</ul>
<p>Where it says <q>${thirdPartyText}</q> stood the data of another person, who has rights too (Art. 15(4)).</p>
</html>
`;
