/** Dead letters: what could not be stored, why, and the way back. Looking consumes nothing. */
import { type Command, type Invocation, whole, words } from './command.ts';
import { unknownVerb } from './key.ts';
import { plain, say, table } from './print.ts';

const verbs = ['list', 'show', 'redrive'] as const;

async function run(invocation: Invocation): Promise<number> {
  const { flags, out } = invocation;
  const [verb = 'list', ...rest] = invocation.words;
  const json = flags.json === true;
  switch (verb) {
    case 'list': {
      words(rest, []);
      const { queues } = await invocation.open('admin').deadLetters.list();
      if (json) for (const queue of queues) say({ out }, `${JSON.stringify(queue)}\n`);
      else {
        const rows = queues.map(({ queue, visible, in_flight }) => [queue, String(visible), String(in_flight)]);
        say({ out }, table(['QUEUE', 'WAITING', 'HELD'], rows));
      }
      return 0;
    }
    case 'show': {
      const [queue] = words(rest, ['The name of the queue']);
      const { messages } = await invocation.open('admin').deadLetters.show(queue!);
      for (const message of messages) {
        if (json) say({ out }, `${JSON.stringify(message)}\n`);
        else {
          const why = message.code ? `${message.code}: ${message.reason ?? ''}` : 'its deliveries failed five times';
          const shape = message.shape === undefined ? 'not JSON' : plain(JSON.stringify(message.shape)).slice(0, 300);
          say(
            { out },
            `${message.message_id}  ${message.sent_at}  ${plain(why)}\n    ${message.bytes} bytes: ${shape}\n`,
          );
        }
      }
      if (!json && messages.length === 0) say({ out }, 'Nothing is there.\n');
      return 0;
    }
    case 'redrive': {
      const [queue] = words(rest, ['The name of the queue']);
      const limit = whole(flags, 'limit', 1, 100_000);
      const { moved } = await invocation
        .open('admin')
        .deadLetters.redrive(queue!, limit === undefined ? {} : { limit });
      say(
        { out },
        json
          ? `${JSON.stringify({ moved })}\n`
          : `${moved} ${moved === 1 ? 'message goes' : 'messages go'} back to where they came from.\n`,
      );
      return 0;
    }
    default:
      throw unknownVerb('dlq', verb, verbs);
  }
}

export const dlqCommand: Command = {
  name: 'dlq',
  summary: 'look at dead letters and send them back (admin)',
  usage: 'list | show QUEUE | redrive QUEUE',
  options: { limit: { type: 'string' } },
  flags: [['--limit N', 'sends back at most so many']],
  examples: [
    ['trailkeep dlq list', 'how many wait where'],
    ['trailkeep dlq show QUEUE', 'their shape, and why; never their values'],
    ['trailkeep dlq redrive QUEUE', 'after the cause is gone'],
  ],
  run,
};
