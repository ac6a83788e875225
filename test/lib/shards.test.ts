/** A stage with a shard in the templates: every function that speaks to Postgres knows all clusters, and may log in to all. */
import { describe, expect, test } from 'vitest';
import { resolverOf } from './support/resolve.ts';
import { type Assembly, type Json, synthesize } from './support/synthesize.ts';

const assembly = synthesize('sharded');
const resolve = resolverOf(assembly);
const environmentOf = ({ Properties }: { readonly Properties: Json }) =>
  ((Properties.Environment as { Variables: Json } | undefined)?.Variables ?? {}) as Json;
const functions = (of: Assembly) => of.all('AWS::Lambda::Function');

/** Actions and resources of a role, by its logical id, as they stand in the template. */
function statementsOf(role: string): { readonly Action: string | string[]; readonly Resource: unknown }[] {
  return assembly
    .all('AWS::IAM::Policy')
    .filter(({ Properties }) => JSON.stringify(Properties.Roles).includes(role))
    .flatMap(({ Properties }) => {
      const { Statement } = Properties.PolicyDocument as {
        Statement: { Action: string | string[]; Resource: unknown }[];
      };
      return Statement;
    });
}

describe('a stage without shards', () => {
  test.each(['dev', 'prod'])('%s: no function knows of any, and nobody moves tenants', (stage) => {
    const plain = synthesize(stage);
    expect(functions(plain).filter((one) => environmentOf(one).DATABASE_SHARDS !== undefined)).toEqual([]);
    expect(functions(plain).filter(({ id }) => id.includes('MoveTenants'))).toEqual([]);
    expect(JSON.stringify(plain.templates)).not.toContain('trailkeep_mover');
  });
});

describe('a stage with a shard', () => {
  test('has a stack for it, after data and before what writes, with a cluster like the main one', () => {
    expect(assembly.needs['trailkeep-sharded-shard-1']).toEqual(expect.arrayContaining(['trailkeep-sharded-network']));
    expect(assembly.needs['trailkeep-sharded-record']).toContain('trailkeep-sharded-shard-1');
    const [main, shard] = assembly.all('AWS::RDS::DBCluster').map(({ Properties }) => Properties as Json);
    const {
      DatabaseName,
      VpcSecurityGroupIds: _,
      DBSubnetGroupName: __,
      DBClusterParameterGroupName: ___,
      ...own
    } = shard!;
    expect(DatabaseName).toBe('trailkeep_1');
    expect(main).toMatchObject(own);
    const groups = assembly.all('AWS::EC2::SecurityGroup').filter(({ stack }) => stack.endsWith('shard-1'));
    expect(groups.map(({ Properties }) => Properties.SecurityGroupIngress)).toMatchObject([
      [{ FromPort: 5432, ToPort: 5432, Description: 'Our functions' }],
    ]);
  });

  test('every function that knows the main cluster knows the shard, and may log in to both as one role', () => {
    const speaking = functions(assembly).filter((one) => environmentOf(one).DATABASE_HOST !== undefined);
    expect(speaking.length).toBeGreaterThan(30);
    for (const one of speaking) {
      const { DATABASE_SHARDS, DATABASE_USER } = environmentOf(one);
      expect(String(resolve.value(DATABASE_SHARDS, one.stack)), one.id).toMatch(/^1=[^:/=,]+\/trailkeep_1$/);
      const role = (one.Properties.Role as { 'Fn::GetAtt': string[] })['Fn::GetAtt'][0]!;
      const logins = statementsOf(role)
        .filter(({ Action }) => Action === 'rds-db:connect')
        .flatMap(({ Resource }) => [Resource].flat())
        .map((arn) => JSON.stringify(arn));
      const user = `/${String(DATABASE_USER)}"`;
      expect(
        logins.filter((arn) => arn.includes(user)),
        one.id,
      ).toHaveLength(2);
      expect([logins.length, new Set(logins).size], one.id).toEqual([2, 2]);
    }
  });

  test('bootstrap reads the secret of each, in the order of the shards', () => {
    const [bootstrap] = functions(assembly).filter(({ id }) => id.includes('Bootstrap'));
    const { DATABASE_MASTER_SECRET_ARN, DATABASE_SHARD_SECRET_ARNS } = environmentOf(bootstrap!);
    const arns = [DATABASE_MASTER_SECRET_ARN, DATABASE_SHARD_SECRET_ARNS].map((one) =>
      resolve.value(one, bootstrap!.stack),
    );
    const role = (bootstrap!.Properties.Role as { 'Fn::GetAtt': string[] })['Fn::GetAtt'][0]!;
    const allowed = statementsOf(role).find(({ Action }) => Action === 'secretsmanager:GetSecretValue')!;
    expect(resolve.value(allowed.Resource, bootstrap!.stack)).toEqual(arns);
  });

  test('who seals and recovers reads the incarnation of each database, and of no other thing', () => {
    const named = assembly
      .all('AWS::IAM::Policy')
      .flatMap(({ Properties }) => [...JSON.stringify(Properties).matchAll(/\/incarnation[^"]*/g)].map(([one]) => one));
    expect([...new Set(named)].sort()).toEqual(['/incarnation', '/incarnation-1']);
  });

  test('one function moves tenants, every minute, with a login of its own and nothing else', () => {
    const movers = functions(assembly).filter((one) => environmentOf(one).DATABASE_USER === 'trailkeep_mover');
    expect(movers.map(({ id }) => id.replace(/[0-9A-F]{8}$/, ''))).toEqual(['JobsMoveTenants']);
    const role = (movers[0]!.Properties.Role as { 'Fn::GetAtt': string[] })['Fn::GetAtt'][0]!;
    const actions = statementsOf(role).flatMap(({ Action }) => [Action].flat());
    expect(actions.filter((one) => !/^(logs|xray|ec2):/.test(one)).sort()).toEqual([
      'rds-db:connect',
      'ssm:GetParameter',
    ]);
    const schedules = assembly.all('AWS::Scheduler::Schedule').filter(({ id }) => id.includes('MovesRegularly'));
    expect(schedules.map(({ Properties }) => Properties.ScheduleExpression)).toEqual(['rate(1 minute)']);
  });
});
