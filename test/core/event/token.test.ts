import { expect, test } from 'vitest';
import { isToken } from '#core/event/token.ts';

test.each(['~AbCd', '~0_-9', '~AAAAAAAAAAAAAAA_'])('%s is a token', (text) => expect(isToken(text)).toBe(true));

test.each(['', '~', '~abc', '~abcde', '~AAAAAAAAAAAAAAAAA', 'AAAA', '~ab.d', '~abcd\n', ' ~abcd', '~ada@example.org'])(
  '%j is none',
  (text) => expect(isToken(text)).toBe(false),
);
