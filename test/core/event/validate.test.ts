import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import type { Json } from '#core/event/event.ts';
import { eventInput } from '#core/event/schema.ts';
import { validateInput } from '#core/event/validate.ts';
import { generateValidator } from '../../../bin/generate-validator.ts';

const event = { action: 'user.login', actor: { type: 'user', id: 'u' } };

test('the generated validator is that of the schema', () => {
  expect(readFileSync('core/event/validate.generated.ts', 'utf8')).toBe(generateValidator());
});

const cases: [string, Json, string, string][] = [
  ['a field is missing', { action: 'user.login' }, '/actor', '/actor is missing'],
  ['a nested field is missing', { ...event, actor: { type: 'user' } }, '/actor/id', '/actor/id is missing'],
  ['a field is unknown', { ...event, 'a/b~c': 1 }, '/a~1b~0c', 'go into metadata'],
  ['the tenant is told', { ...event, tenant: 't' }, '/tenant', 'is not a field of an event'],
  ['a type is wrong', { ...event, actor: 1 }, '/actor', '/actor must be an object'],
  ['a word is not known', { ...event, crud: 'x' }, '/crud', 'must be one of c, r, u, d'],
  ['the action is one word', { ...event, action: 'login' }, '/action', 'joined by dots'],
  ['a text is empty', { ...event, actor: { type: 'user', id: '' } }, '/actor/id', 'must not be empty'],
  ['a text is long', { ...event, subject: 'x'.repeat(1025) }, '/subject', 'at most 1024 characters'],
  ['a text of emojis is long in UTF-16 units', { ...event, subject: '😀'.repeat(513) }, '/subject', 'at most 1024'],
  ['a list is long', { ...event, on_behalf_of: Array(17).fill(event.actor) }, '/on_behalf_of', 'at most 16 elements'],
  ['an element is wrong', { ...event, targets: [event.actor, 1] }, '/targets/1', 'must be an object'],
  ['it is no object', 'user.login', '', 'The event must be an object'],
  ['it is null', null, '', 'The event must be an object'],
];
for (const [name, value, pointer, sentence] of cases) {
  test(`${name}: the sentence says it, and zod agrees`, () => {
    const judged = validateInput(value);
    expect(judged).toMatchObject({ ok: false, fault: { code: 'event_invalid', pointer } });
    expect(judged.ok ? '' : judged.fault.detail).toContain(sentence);
    // zod counts code points and so is the more generous; nothing but this test and the documents asks it.
    if (!name.includes('emojis')) expect(eventInput.safeParse(value).success).toBe(false);
  });
}

test('exactly at a limit is fine, for zod too', () => {
  for (const subject of ['x'.repeat(1024), '😀'.repeat(512)]) {
    expect(validateInput({ ...event, subject }).ok).toBe(true);
    expect(eventInput.safeParse({ ...event, subject }).success).toBe(true);
  }
});
