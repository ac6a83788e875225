/** Proof: that an event is in the log, to keep or to verify offline. */
import { type Command, type Invocation, whole, words } from './command.ts';
import { say } from './print.ts';

async function run(invocation: Invocation): Promise<number> {
  const { flags, out } = invocation;
  const [id] = words(invocation.words, ['The id of the event']);
  const size = whole(flags, 'size', 1, 999_999_999);
  const asked = size === undefined ? {} : { size };
  const client = invocation.open();
  // Printed as it came: a verifier reads it.
  if (flags.json === true) say({ out }, `${JSON.stringify(await client.prove(id!, asked))}\n`);
  else say({ out }, await client.tlogProof(id!, asked));
  return 0;
}

export const proofCommand: Command = {
  name: 'proof',
  summary: 'prove that an event is in the log',
  usage: 'EVENT-ID',
  options: { size: { type: 'string' } },
  flags: [['--size N', 'for the checkpoint of so many leaves instead of the newest']],
  examples: [
    [
      'trailkeep proof 0198c0de-0000-7000-8000-000000000000 --json > event.json',
      'the event with its salt and its proof',
    ],
    ['trailkeep verify event event.json', 'and checked, offline'],
    ['trailkeep proof 0198c0de-0000-7000-8000-000000000000 > event.tlog-proof', 'the proof alone, as C2SP writes it'],
  ],
  run,
};
