import { expect, test } from 'vitest';
import { batchEventsMax } from '#core/event/event.ts';
import { sniffBody, splitBody } from '#core/record/body.ts';

const shown = (split: ReturnType<typeof splitBody>) =>
  split.ok ? [split.value.form, split.value.cloudEvents, split.value.items.map(({ text }) => text)] : split.fault.code;

const typed: [string | undefined, string, unknown][] = [
  [undefined, '{}', ['single', false, ['{}']]],
  ['application/json; charset=utf-8', ' [1 , {}]', ['array', false, ['1', '{}']]],
  ['APPLICATION/JSON', 'nonsense', ['single', false, ['nonsense']]],
  ['application/x-ndjson', '{}\r\n\n [1]\n', ['ndjson', false, ['{}\r', ' [1]']]],
  ['application/jsonl', '{"a":"\u2028"}', ['ndjson', false, ['{"a":"\u2028"}']]],
  ['application/x-ndjson', ' \n ', 'batch_empty'],
  ['application/json', '[ ]', 'batch_empty'],
  ['application/json', '[{}', 'json_invalid'],
  ['application/cloudevents+json', '{}', ['single', true, ['{}']]],
  ['application/cloudevents-batch+json', '[{}]', ['array', true, ['{}']]],
  ['application/cloudevents-batch+json', '{}', 'json_invalid'],
  ['text/plain', '{}', 'media_type_unsupported'],
  ['application/json', `[${Array(batchEventsMax + 1).fill('1')}]`, 'batch_too_large'],
];
for (const [type, text, expected] of typed) {
  test(`${type}: ${text.slice(0, 20)}`, () => expect(shown(splitBody(type, text))).toEqual(expected));
}

const sniffed: [string, unknown][] = [
  ['{"a":1}', ['single', 'marked', ['{"a":1}']]],
  ['[{"a":1},{"specversion":"1.0"}]', ['array', 'marked', ['{"a":1}', '{"specversion":"1.0"}']]],
  ['{"a":1}\n{"b":2}', ['ndjson', 'marked', ['{"a":1}', '{"b":2}']]],
  ['{"a":\n1}', ['single', 'marked', ['{"a":\n1}']]],
  ['{}\n', ['single', 'marked', ['{}\n']]],
  ['', ['single', 'marked', ['']]],
];
for (const [text, expected] of sniffed) {
  test(`a message ${JSON.stringify(text)}`, () => expect(shown(sniffBody(text))).toEqual(expected));
}
