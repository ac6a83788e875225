/** Export: what an auditor takes along, waited for and written into one file. */
import { createHash } from 'node:crypto';
import { closeSync, existsSync, openSync, unlinkSync, writeSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import type { ExportBody, ExportView } from '#client/proof.ts';
import type { Trailkeep } from '#client/trailkeep.ts';
import { type Command, type Invocation, text, texts, words } from './command.ts';
import { exportEventsCommand } from './export-events.ts';
import { CliError, UsageError } from './fail.ts';
import { unknownVerb } from './key.ts';
import { fields, say } from './print.ts';
import { readTime } from './time.ts';

/** Between two looks: sealing alone takes seconds. */
const pauseMs = 2000;

async function run(invocation: Invocation): Promise<number> {
  const { flags, out, err, stop } = invocation;
  const [verb = 'auditor', ...rest] = invocation.words;
  words(rest, []);
  if (verb !== 'auditor') throw unknownVerb('export', verb, ['auditor', 'events']);
  const body = bodyOf(invocation);
  const named = text(flags, 'out');
  if (named !== undefined && existsSync(named)) throw new UsageError(`${named} is there already; say another --out.`);
  const client = invocation.open();
  let made = await client.exports.auditor(body);
  err.write(`Export ${made.id} is being built; it waits for what is committed to be sealed.\n`);
  while (made.state === 'building') {
    if (stop.aborted) throw new CliError('Stopped. The export goes on.', `GET /v1/exports/${made.id} tells of it.`);
    await sleep(pauseMs, undefined, { signal: stop }).catch(() => {});
    made = await client.exports.get(made.id);
  }
  if (made.state === 'failed')
    throw new CliError(
      `The export failed: ${made.problem}.`,
      `docs/reference/errors/${made.problem}.md says what to do.`,
    );
  const file = named ?? `auditor-${made.id}.zip`;
  await fetchParts(client, made, file);
  const { id, events, size, bytes, sha256 } = made;
  const shown = { file, id, events, tree_size: size, bytes, sha256 };
  say({ out }, flags.json === true ? `${JSON.stringify(shown)}\n` : fields(shown));
  return 0;
}

/** Writes the parts one after the other and compares the whole; a file that is not whole does not stay. */
async function fetchParts({ exports }: Trailkeep, { id, parts = 0, sha256 }: ExportView, file: string): Promise<void> {
  const handle = openSync(file, 'wx', 0o600);
  try {
    const hash = createHash('sha256');
    for (let part = 1; part <= parts; part++) {
      const bytes = await exports.part(id, part);
      hash.update(bytes);
      writeSync(handle, bytes);
    }
    if (hash.digest('hex') !== sha256) throw new CliError('What arrived is not what was built.', 'Try again.');
  } catch (error) {
    unlinkSync(file);
    throw error;
  } finally {
    closeSync(handle);
  }
}

function bodyOf({ flags, now }: Invocation): ExportBody {
  const ids = texts(flags, 'id').flatMap((given) => given.split(','));
  const [from, to] = [text(flags, 'from'), text(flags, 'to')];
  if (ids.length > 0) {
    if (from !== undefined || to !== undefined) throw new UsageError('Say --id or --from and --to, not both.');
    return { ids };
  }
  if (from === undefined) throw new UsageError('Say --from TIME (and --to TIME), or --id for single events.');
  return { from: readTime(from, now(), 'from'), to: readTime(to ?? 'now', now(), 'to') };
}

export const exportCommand: Command = {
  name: 'export',
  summary: 'take events along as files, or evidence: events, salts and proofs in one zip',
  parts: [exportEventsCommand],
  usage: 'auditor --from TIME [--to TIME] | auditor --id EVENT-ID… | events …',
  options: {
    from: { type: 'string' },
    to: { type: 'string' },
    id: { type: 'string', multiple: true },
    out: { type: 'string' },
  },
  flags: [
    ['--from TIME', 'commit time of the first event: 2h, 7d, 2026-03-01, 2026-03-01T09:00:00Z'],
    ['--to TIME', 'before this (now)'],
    ['--id EVENT-ID', 'single events instead of a period; may be repeated'],
    ['--out FILE', 'where to (auditor-<id>.zip)'],
  ],
  examples: [
    [
      'trailkeep export auditor --from 2026-01-01 --to 2026-02-01 --out january.zip',
      'January, and that it is all of it',
    ],
    ['trailkeep verify export january.zip', 'checked, offline'],
    ['trailkeep export events --help', 'events as JSONL, CSV or Parquet'],
  ],
  run,
};
