/** AwsSolutions and Serverless at zero, with one register of exceptions. */
import type { App } from 'aws-cdk-lib';
import { AwsSolutionsChecks, ServerlessChecks } from 'cdk-nag';
import { describe, expect, test } from 'vitest';
import { exceptions } from '#lib/exceptions.ts';
import { expired, Gate } from './support/gate.ts';
import { synthesize } from './support/synthesize.ts';

const gates = ['dev', 'sharded', 'prod'].flatMap((stage) => {
  let made: Gate[] = [];
  const gatesOf = (app: App) => {
    made = [new Gate(new AwsSolutionsChecks(app), exceptions), new Gate(new ServerlessChecks(app), exceptions)];
    return made;
  };
  synthesize(stage, gatesOf, { witness: true });
  return made.map((gate) => ({ stage, gate }));
});

describe('cdk-nag', () => {
  test.each(gates)('$stage: $gate.name finds nothing that the register does not explain', ({ gate }) => {
    expect([...new Set(gate.findings)]).toEqual([]);
  });

  test('every exception is needed and none has expired', () => {
    const used = new Set(gates.flatMap(({ gate }) => [...gate.used]));
    expect(exceptions.filter((one) => !used.has(one)).map((one) => `${one.rule} ${one.path}`)).toEqual([]);
    expect(expired(exceptions, new Date().toISOString().slice(0, 10))).toEqual([]);
  });

  test('an expired exception is seen', () => {
    const old = { rule: /./, path: /./, reason: 'a reason', expires: '2020-01-01' };
    expect(expired([old], '2026-01-01')).toEqual([old]);
  });
});
