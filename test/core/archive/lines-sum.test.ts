import { createHash } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { LinesSum } from '#core/archive/lines-sum.ts';

const digestOf = (line: string) => new Uint8Array(createHash('sha256').update(line).digest());
const lines = Array.from({ length: 1000 }, (_, n) => `{"n":${n}}`);
const sumOf = (some: readonly string[]) => {
  const sum = new LinesSum();
  for (const line of some) sum.add(digestOf(line));
  return sum;
};

describe('the sum of lines', () => {
  test('is the sum of their digests modulo 2^256', () => {
    let expected = 0n;
    for (const line of lines) expected += BigInt(`0x${Buffer.from(digestOf(line)).toString('hex')}`);
    expect(sumOf(lines).hex).toBe((expected % 2n ** 256n).toString(16).padStart(64, '0'));
  });

  test('does not depend on their order, and adds up', () => {
    const whole = sumOf(lines);
    expect(sumOf(lines.toReversed()).hex).toBe(whole.hex);
    const both = sumOf(lines.slice(0, 300));
    const rest = sumOf(lines.slice(300));
    both.addSum(rest.hex, rest.count);
    expect(both.hex).toBe(whole.hex);
    expect(both.count).toBe(1000);
  });

  test('tells a lost, a changed and a doubled line', () => {
    const whole = sumOf(lines).hex;
    expect(sumOf(lines.slice(1)).hex).not.toBe(whole);
    expect(sumOf([...lines.slice(1), '{"n":0} ']).hex).not.toBe(whole);
    expect(sumOf([...lines.slice(1), lines[1]!]).hex).not.toBe(whole);
  });

  test('carries through every word', () => {
    const ones = new Uint8Array(32).fill(255);
    const sum = new LinesSum();
    sum.add(ones);
    expect(sum.hex).toBe('f'.repeat(64));
    sum.add(Uint8Array.of(...new Uint8Array(31), 1));
    expect(sum.hex).toBe('0'.repeat(64));
    for (let i = 0; i < 2 ** 20 + 3; i++) sum.add(ones);
    expect(sum.hex).toBe((2n ** 256n - BigInt(2 ** 20 + 3)).toString(16));
  });

  test('of nothing is zero, and what is no digest is refused', () => {
    expect(new LinesSum().hex).toBe('0'.repeat(64));
    expect(() => new LinesSum().add(new Uint8Array(31))).toThrow(RangeError);
    expect(() => new LinesSum().addSum('F'.repeat(64), 1)).toThrow(RangeError);
  });
});
