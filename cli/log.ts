/** Log: how far the tenant's log is, and whether sealing keeps up. */
import { type Command, type Invocation, words } from './command.ts';
import { fields, say } from './print.ts';

async function run(invocation: Invocation): Promise<number> {
  const { flags, out } = invocation;
  words(invocation.words, []);
  const state = await invocation.open().log.state();
  const { merge_delay_seconds: delays, ...rest } = state;
  const flat = { ...rest, merge_delay_critical: `${delays.critical} s`, merge_delay_bulk: `${delays.bulk} s` };
  say({ out }, flags.json === true ? `${JSON.stringify(state)}\n` : fields(flat));
  return 0;
}

export const logCommand: Command = {
  name: 'log',
  summary: 'how far the log is that proves the trail',
  usage: '',
  options: {},
  flags: [],
  examples: [
    ['trailkeep log', 'its state, its sizes and what waits to be sealed'],
    ['trailkeep log --json | jq -r .verifier > log.vkey', 'the key that proofs are checked with'],
  ],
  run,
};
