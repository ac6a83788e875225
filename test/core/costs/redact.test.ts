/** What sources answer is kept without what is secret in it. */
import { expect, test } from 'vitest';
import { redact } from '#core/costs/redact.ts';

test('keys, tokens and passwords are taken out, wherever they are; names and amounts stay', () => {
  const answer = {
    packages: [{ name: 'ENTERPRISE', licenseKey: 'ab-12', units: 3, key: 'h-code' }],
    ...{ accountGuid: 'x', access_key: 'y', apiToken: 'z', password: 'p', clientSecret: 's', accountId: '17' },
    nested: { deep: [{ 'license-key': 42, licenseKeys: ['kept apart'] }], tokens: 7 },
  };
  expect(redact(answer)).toEqual({
    packages: [{ name: 'ENTERPRISE', licenseKey: '(redacted)', units: 3, key: 'h-code' }],
    ...{ accountGuid: '(redacted)', access_key: '(redacted)', apiToken: '(redacted)', password: '(redacted)' },
    ...{ clientSecret: '(redacted)', accountId: '17' },
    nested: { deep: [{ 'license-key': '(redacted)', licenseKeys: '(redacted)' }], tokens: 7 },
  });
});
