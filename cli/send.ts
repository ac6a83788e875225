/** Send: one event from flags, or events as JSON from files or standard input. */
import { randomUUID } from 'node:crypto';
import type { EventInput, Json } from '#core/event/event.ts';
import { parseJson, splitArray } from '#core/event/json.ts';
import { type Command, type Invocation, text, texts, whole } from './command.ts';
import { CliError, UsageError } from './fail.ts';
import { fields, say } from './print.ts';
import { openSources } from './sources.ts';

const batchMax = 500;

async function run(invocation: Invocation): Promise<number> {
  const { flags, out, err, words } = invocation;
  const lines = words.length === 0 ? [JSON.stringify(fromFlags(invocation))] : await fromSources(invocation);
  if (lines.length === 0)
    throw new CliError('There is no event in it.', 'Give one object, a list, or one object a line.');
  const client = invocation.open();
  const idempotencyKey = text(flags, 'idempotency-key');
  if (idempotencyKey !== undefined && lines.length > batchMax) {
    throw new UsageError(
      `One --idempotency-key covers one request of at most ${batchMax} events; these are ${lines.length}.`,
    );
  }
  let refused = 0;
  for (let from = 0; from < lines.length; from += batchMax) {
    const body = `${lines.slice(from, from + batchMax).join('\n')}\n`;
    // A key of its own makes a try after a broken connection safe; sending the same event again later still adds it.
    const { items } = await client.sendLines(body, { idempotencyKey: idempotencyKey ?? `send-${randomUUID()}` });
    for (const item of items) {
      if (item.status === 'refused') {
        refused += 1;
        err.write(`event ${from + item.index + 1} refused: ${item.detail} (${item.code})\n`);
      } else if (flags.json === true) say({ out }, `${JSON.stringify({ id: item.id, tier: item.tier })}\n`);
      else if (lines.length === 1) say({ out }, fields({ id: item.id, tier: item.tier }));
    }
  }
  if (flags.json !== true && lines.length > 1) {
    say({ out }, `${lines.length - refused} accepted, ${refused} refused\n`);
  }
  return refused === 0 ? 0 : 1;
}

function fromFlags({ flags }: Invocation): EventInput {
  const action = text(flags, 'action');
  const actor = text(flags, 'actor');
  if (!action || !actor)
    throw new UsageError('An event needs --action and --actor; or name a file, or - for standard input.');
  const target = text(flags, 'target');
  const ip = text(flags, 'ip');
  const result = text(flags, 'outcome');
  if (result !== undefined && result !== 'success' && result !== 'failure' && result !== 'denied') {
    throw new UsageError(`--outcome is success, failure or denied, not ${JSON.stringify(result)}.`);
  }
  const metadata = texts(flags, 'metadata').map((pair) => {
    const at = pair.indexOf('=');
    if (at < 1) throw new UsageError(`--metadata is name=value, not ${JSON.stringify(pair)}.`);
    return [pair.slice(0, at), jsonOrText(pair.slice(at + 1))] as const;
  });
  const schemaVersion = whole(flags, 'schema-version', 1, 1_000_000);
  return {
    action,
    actor: party(actor, 'user'),
    ...(target === undefined ? {} : { targets: [party(target, 'resource')] }),
    ...(ip === undefined ? {} : { context: { ip } }),
    ...(result === undefined ? {} : { outcome: { result } }),
    ...(metadata.length === 0 ? {} : { metadata: Object.fromEntries(metadata) }),
    ...(schemaVersion === undefined ? {} : { schema_version: schemaVersion }),
  };
}

/** `type:id`, or an id alone. ARNs and URNs hold colons of their own. */
function party(given: string, typeDefault: string): { type: string; id: string } {
  const typed = /^([a-z_]+):(.+)$/.exec(given);
  return typed && typed[1] !== 'arn' && typed[1] !== 'urn'
    ? { type: typed[1]!, id: typed[2]! }
    : { type: typeDefault, id: given };
}

function jsonOrText(given: string): Json {
  if (!/^(true|false|null|-?\d|[[{"])/.test(given)) return given;
  const parsed = parseJson(given);
  return parsed.ok ? parsed.value : given;
}

async function fromSources({ words, stdin }: Invocation): Promise<string[]> {
  const lines: string[] = [];
  for (const source of await openSources(words, stdin)) {
    let all = '';
    for await (const chunk of source.text(() => {})) all += chunk;
    const body = all.replace(/^\uFEFF/, '').trim();
    if (body.startsWith('[')) {
      const split = splitArray(body);
      if (!split.ok) throw new CliError(`${source.name}: ${split.fault.detail}`);
      lines.push(...split.value.map(({ text: item }) => oneLine(item)));
    } else if (parseJson(body).ok) lines.push(oneLine(body));
    else lines.push(...body.split('\n').filter((line) => line.trim() !== ''));
  }
  return lines;
}

/** JSON on one line: a line break can only stand between its tokens. */
const oneLine = (json: string): string => json.replace(/[\r\n]+/g, ' ').trim();

export const sendCommand: Command = {
  name: 'send',
  summary: 'send an event, or a file of events',
  usage: '[FILE…]',
  options: {
    action: { type: 'string' },
    actor: { type: 'string' },
    target: { type: 'string' },
    outcome: { type: 'string' },
    ip: { type: 'string' },
    metadata: { type: 'string', multiple: true },
    'schema-version': { type: 'string' },
    'idempotency-key': { type: 'string' },
  },
  flags: [
    ['--action NOUN.VERB', 'what was done, as role.assign'],
    ['--actor [TYPE:]ID', 'who did it (user)'],
    ['--target [TYPE:]ID', 'to what (resource)'],
    ['--outcome RESULT', 'success, failure or denied'],
    ['--ip ADDRESS', 'from where'],
    ['--metadata NAME=VALUE', 'anything else; may be repeated, JSON values are kept as such'],
    ['--schema-version N', 'of the schema that is registered for the action'],
    ['--idempotency-key KEY', 'a second try with the same key adds nothing'],
  ],
  examples: [
    ['trailkeep send --action role.assign --actor maya --target user:tomas', 'one event'],
    ['trailkeep send events.json', 'an object, a list, or one object a line'],
    ['echo \'{"action":"job.finish","actor":{"type":"system","id":"nightly"}}\' | trailkeep send -', 'standard input'],
  ],
  run,
};
