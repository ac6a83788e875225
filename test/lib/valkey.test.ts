/** Valkey in the templates: in prod, inside, over TLS, reachable by our functions alone; in dev not at all. */
import { expect, test } from 'vitest';
import { resolverOf } from './support/resolve.ts';
import { type Json, synthesize } from './support/synthesize.ts';

const prod = synthesize('prod');
const resolve = resolverOf(prod);
const caches = prod.all('AWS::ElastiCache::ServerlessCache');
const functions = prod.all('AWS::Lambda::Function');
const environment = ({ Properties }: { Properties: Json }) =>
  (Properties.Environment as { Variables: Json } | undefined)?.Variables ?? {};

test('dev has none', () => {
  const dev = synthesize('dev');
  expect(dev.all('AWS::ElastiCache::ServerlessCache')).toEqual([]);
  expect(dev.all('AWS::Lambda::Function').filter((one) => environment(one).VALKEY_ENDPOINT)).toEqual([]);
  expect(JSON.stringify(dev.all('AWS::EC2::SecurityGroup'))).not.toContain('6379');
});

test('prod has one, in both isolated subnets, under our key, with a ceiling on what it may cost', () => {
  expect(caches).toHaveLength(1);
  const { Engine, SubnetIds, KmsKeyId, CacheUsageLimits, SecurityGroupIds } = caches[0]!.Properties;
  expect(Engine).toBe('valkey');
  expect(SubnetIds).toHaveLength(2);
  expect(SecurityGroupIds).toHaveLength(1);
  expect(KmsKeyId).toBeDefined();
  expect(CacheUsageLimits).toMatchObject({ DataStorage: { Maximum: 1 }, ECPUPerSecond: { Maximum: 15_000 } });
});

test('only the group of our functions is let in, and it is let out to nothing more', () => {
  const rules = prod
    .all('AWS::EC2::SecurityGroupIngress')
    .concat(prod.all('AWS::EC2::SecurityGroup'))
    .flatMap(({ Properties }) => [Properties, ...((Properties.SecurityGroupIngress as Json[] | undefined) ?? [])])
    .filter(({ FromPort }) => FromPort === 6379);
  expect(rules).toHaveLength(1);
  expect(rules[0]).toMatchObject({ ToPort: 6380, IpProtocol: 'tcp' });
  expect(rules[0]!.SourceSecurityGroupId).toBeDefined();
  expect(rules[0]!.CidrIp).toBeUndefined();
  const out = prod
    .all('AWS::EC2::SecurityGroup')
    .flatMap(({ Properties }) => (Properties.SecurityGroupEgress as Json[] | undefined) ?? [])
    .filter(({ FromPort }) => FromPort === 6379);
  expect(out).toEqual([expect.objectContaining({ CidrIp: '10.41.0.0/16', ToPort: 6380 })]);
});

test('who speaks to Postgres for tenants knows where it is, over TLS', () => {
  const knowing = functions.filter((one) => environment(one).VALKEY_ENDPOINT);
  expect(knowing.length).toBeGreaterThan(5);
  for (const one of knowing) {
    expect(JSON.stringify(resolve.value(environment(one).VALKEY_ENDPOINT, one.stack))).toContain('valkeys://');
    expect(one.Properties.VpcConfig).toBeDefined();
  }
  const asking = functions.filter((one) => environment(one).ROOT_SECRET_PARAMETER && environment(one).DATABASE_USER);
  expect(asking.map(({ id }) => id).sort()).toEqual(knowing.map(({ id }) => id).sort());
});
