/** Which item of the CMDB an application is, and how sure we are of it. */
import { expect, test } from 'vitest';
import { cmdbMatcher, normalised } from '#core/costs/match-cmdb.ts';

const item = (id: number, name: string, correlationId = '') => ({
  id,
  sysId: `${id}`.padStart(32, '0'),
  name,
  correlationId,
});
const items = [
  item(1, 'Checkout'),
  item(2, 'Payment Gateway'),
  item(3, 'Customer Loyalty Platform'),
  item(4, 'Ledger', 'acme:4711'),
  item(5, 'Search'),
  item(6, 'search'),
];
const match = cmdbMatcher(items);
const seen = (name: string, more: { key?: string; tags?: Record<string, string> } = {}) =>
  match({ controller: 'acme', key: more.key ?? '1', name, tags: more.tags ?? {} });

test.each([
  ['a tag names it', seen('whatever', { tags: { 'cmdb-ci': '2'.padStart(32, '0') } }), 2, 'id', '1'],
  ['the item names the application', seen('general ledger', { key: '4711' }), 4, 'id', '1'],
  ['the same name', seen('checkout'), 1, 'name', '0.95'],
  ['the same words', seen('prod-payment_gateway'), 2, 'normalised', '0.85'],
  ['camel case', seen('PaymentGateway'), 2, 'normalised', '0.85'],
  ['nearly the same letters', seen('customer-loyality-platform'), 3, 'similar', '0.6'],
  ['two items of one name', seen('SEARCH'), 0, 'none', '0'],
  ['nothing like it', seen('warehouse'), 0, 'none', '0'],
  ['nothing but a stage', seen('prod'), 0, 'none', '0'],
])('%s', (_, found, id, rule, confidence) => expect(found).toEqual({ item: id, rule, confidence }));

test('accents, case, stages and punctuation tell nothing apart', () => {
  expect(normalised('Crédit—Agency (PROD)')).toBe('creditagency');
});
