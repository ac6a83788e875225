/** Verify: whether events, periods, exports and logs are what was committed to. Works offline and trusts the keys given. */
import { isGood, type Judgement } from '#core/proof/verdict.ts';
import { type Connection, type Trust, verifyCheckpoint } from '#core/proof/verify-checkpoint.ts';
import { verifyEvent } from '#core/proof/verify-event.ts';
import { verifyExport } from '#core/proof/verify-export.ts';
import { openLog, verifyLog } from '#core/proof/verify-log.ts';
import { verifyRange } from '#core/proof/verify-range.ts';
import { type Report, Tally } from '#core/proof/verify-report.ts';
import { type Command, type Invocation, text, words } from './command.ts';
import { UsageError } from './fail.ts';
import { unknownVerb } from './key.ts';
import { openFiles } from './log-files.ts';
import { plain, say } from './print.ts';
import { proofCrypto as c } from './proof-crypto.ts';
import { readErasedKeys, readEventFile, readHashes, readInput, readRangeFile, readTrust } from './verify-inputs.ts';

const verbs = ['event', 'range', 'export', 'log', 'checkpoint'] as const;

type Outcome = Partial<Report> & { readonly judgement: Judgement; readonly verifier?: string | undefined };

async function run(invocation: Invocation): Promise<number> {
  const [verb = '', ...rest] = invocation.words;
  const outcome = await judgeBy(verb, rest, invocation);
  say(invocation, invocation.flags.json === true ? json(outcome) : lines(outcome));
  return isGood(outcome.judgement) ? 0 : 1;
}

async function judgeBy(verb: string, rest: readonly string[], { flags }: Invocation): Promise<Outcome> {
  const trust = await readTrust(flags);
  switch (verb) {
    case 'event': {
      const [path] = words(rest, ['The file with the proof']);
      const eventPath = text(flags, 'event');
      const line = eventPath === undefined ? undefined : (await readInput(eventPath)).replace(/\n$/, '');
      const certificate = text(flags, 'erased');
      const file = readEventFile(await readInput(path!), path!, line);
      const keys = certificate === undefined ? undefined : readErasedKeys(await readInput(certificate), certificate);
      const judgement = verifyEvent(c, trust, file, { erased: file.erased || (keys ?? false) });
      return { judgement, verifier: file.verifier };
    }
    case 'range': {
      const [path] = words(rest, ['The file with the proof']);
      const { range, verifier, ...given } = readRangeFile(await readInput(path!), path!);
      return { judgement: verifyRange(c, trust, range, given), verifier };
    }
    case 'export':
    case 'log': {
      const [path] = words(rest, [verb === 'log' ? 'The folder of the log' : 'The zip or folder of the export']);
      const files = await openFiles(path!);
      try {
        return await (verb === 'log' ? verifyLog : verifyExport)(c, trust, files);
      } finally {
        await files.close();
      }
    }
    case 'checkpoint': {
      if (rest.length > 2) words(rest, ['', '']);
      const [first, second] = await Promise.all(rest.map(readInput));
      if (first === undefined) throw new UsageError('The file with the checkpoint is missing.');
      if (second === undefined) return { judgement: await verifyCheckpoint(c, trust, first) };
      return withConnection(trust, flags, async (connection) => ({
        judgement: await verifyCheckpoint(c, trust, first, { note: second, ...(connection ? { connection } : {}) }),
      }));
    }
    default:
      throw unknownVerb('verify', verb, verbs);
  }
}

async function withConnection(
  trust: Trust,
  flags: Invocation['flags'],
  fn: (connection: Connection | undefined) => Promise<Outcome>,
): Promise<Outcome> {
  const [proofPath, logPath] = [text(flags, 'proof'), text(flags, 'log')];
  if (proofPath !== undefined) return fn({ proof: readHashes(await readInput(proofPath), proofPath) });
  if (logPath === undefined) return fn(undefined);
  const files = await openFiles(logPath);
  try {
    // By its own checkpoint, because a copy of a log has the partial tiles of one size only.
    const tally = new Tally();
    const log = await openLog(c, trust, files, tally);
    return log?.tree ? await fn({ read: log.tree.read }) : tally.report({ reason: 'verified', why: '' });
  } finally {
    await files.close();
  }
}

/** How many findings a person reads. */
const shownMax = 20;

function lines(outcome: Outcome): string {
  const { judgement, findings = [], more = 0 } = outcome;
  const shown = findings.filter((one) => one !== judgement).slice(0, shownMax);
  const rest = findings.length + more - shown.length - (findings.includes(judgement) ? 1 : 0);
  const time = outcome.witnessedAt === undefined ? undefined : new Date(outcome.witnessedAt * 1000).toISOString();
  const events = Object.entries(outcome.events ?? {}).map(([verdict, count]) => `${grouped(count)} ${verdict}`);
  return [
    `${judgement.verdict}  ${plain(judgement.why)}`,
    ...(outcome.origin === undefined ? [] : [`  log        ${plain(outcome.origin)}`]),
    ...(outcome.size === undefined ? [] : [`  tree       ${grouped(outcome.size)} leaves`]),
    ...(time === undefined ? [] : [`  witnessed  ${time} at the latest`]),
    ...(outcome.entries === undefined ? [] : [`  entries    ${grouped(outcome.entries)} checked`]),
    ...(events.length === 0 ? [] : [`  events     ${events.join(', ')}`]),
    ...(outcome.withheld === undefined ? [] : [`  withheld   ${grouped(outcome.withheld)}, as the export itself says`]),
    ...shown.map((one) => `  ${one.verdict}  ${plain(one.why)}`),
    ...(rest > 0 ? [`  and ${grouped(rest)} more; --json lists ${findings.length}`] : []),
    ...hint(outcome),
    '',
  ].join('\n');
}

function hint({ judgement, verifier }: Outcome): string[] {
  if (judgement.reason !== 'no_key') return [];
  const named = verifier === undefined ? '' : ` The file itself names ${plain(verifier)}.`;
  return [`  Give --key. A key is worth something when you got it another way than the proof.${named}`];
}

const grouped = (count: number): string => count.toLocaleString('en-US');

function json({ judgement, verifier: _, findings, ...report }: Outcome): string {
  const outcome = { ...judgement, ...report, ...(findings === undefined ? {} : { findings }) };
  return `${JSON.stringify(outcome)}\n`;
}

export const verifyCommand: Command = {
  name: 'verify',
  summary: 'check events, exports and logs, offline',
  usage: 'event FILE | range FILE | export ZIP | log FOLDER | checkpoint FILE [FILE]',
  offline: true,
  options: {
    policy: { type: 'string' },
    event: { type: 'string' },
    erased: { type: 'string' },
    proof: { type: 'string' },
    log: { type: 'string' },
  },
  flags: [
    ['--key KEY|FILE', "the log's verifier key (name+hash+key), or a file with such keys, as keys.txt"],
    ['--policy FILE', 'a C2SP tlog-policy: which logs and how many witnesses you trust'],
    ['--event FILE', 'event: the stored line, for a proof that does not hold it (.tlog-proof)'],
    ['--erased FILE', "event: an erasure's certificate; the keys it names are destroyed"],
    ['--proof FILE', 'checkpoint: the consistency proof between two'],
    ['--log FOLDER', 'checkpoint: the log whose tiles connect two'],
  ],
  examples: [
    ['trailkeep verify event proof.json --key log.vkey', 'one event, as GET /v1/events/{id}/proof answers'],
    ['trailkeep verify export audit.zip --key log.vkey', 'all events of an export, and that none was left out'],
    [
      'trailkeep verify log ./mirror --key log.vkey --policy policy.txt',
      'every entry of a copied log, and its witnesses',
    ],
    ['trailkeep verify checkpoint monday tuesday --log ./mirror --key log.vkey', 'whether two tell one history'],
    [
      'trailkeep verify export audit.zip --key log.vkey && echo good',
      'exit code 0: VERIFIED, VERIFIED_ERASED or PURGED',
    ],
  ],
  run,
};
