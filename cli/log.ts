/** Log: how far the tenant's log is, and whether sealing keeps up; and, for operators, bringing a frozen one back. */
import { type Command, type Invocation, words } from './command.ts';
import { fields, say } from './print.ts';

async function run(invocation: Invocation): Promise<number> {
  const { flags, out } = invocation;
  if (invocation.words[0] === 'recover') return recover(invocation);
  words(invocation.words, []);
  const state = await invocation.open().log.state();
  const { merge_delay_seconds: delays, ...rest } = state;
  const flat = { ...rest, merge_delay_critical: `${delays.critical} s`, merge_delay_bulk: `${delays.bulk} s` };
  say({ out }, flags.json === true ? `${JSON.stringify(state)}\n` : fields(flat));
  return 0;
}

/** One step; 0 when the log is back, 1 when it is to be asked again. */
async function recover(invocation: Invocation): Promise<number> {
  const { flags, out, err } = invocation;
  const [tenant] = words(invocation.words.slice(1), ['The id of the tenant']);
  const outcome = await invocation.open('admin').tenants.recoverLog(tenant!, { freeze: flags.freeze === true });
  say({ out }, flags.json === true ? `${JSON.stringify(outcome)}\n` : fields({ ...outcome }));
  if (outcome.until === undefined) return 0;
  err.write(`Not yet. Ask again after ${outcome.until}.\n`);
  return 1;
}

export const logCommand: Command = {
  name: 'log',
  summary: 'how far the log is that proves the trail',
  usage: '[recover TENANT]',
  options: { freeze: { type: 'boolean' } },
  flags: [['--freeze', 'recover: freeze the log first if it is not (after a restore that nothing has noticed)']],
  examples: [
    ['trailkeep log', 'its state, its sizes and what waits to be sealed'],
    ['trailkeep log recover 0198c0de-0000-7000-8000-000000000000', 'bring a frozen log back (admin); 1 means: not yet'],
    ['trailkeep log --json | jq -r .verifier > log.vkey', 'the key that proofs are checked with'],
  ],
  run,
};
