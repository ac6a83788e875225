/**
 * Least privilege, from both sides: every call that a function makes while the platform lives through its stories
 * is allowed by the role that the template gives it, in every stage; and what a role allows beyond that is a
 * short list with reasons (test/lib/unused-permissions.json).
 */
import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { readAssembly } from '#local/assembly.ts';
import { account, region } from '#local/platform.ts';
import type { ServiceCall } from '#local/services.ts';
import { loadTemplates, type RunningResource } from '#local/template.ts';
import { permissionsOf } from '#test/lib/support/permissions.ts';
import { synthesize } from '#test/lib/support/synthesize.ts';
import { assemblyFolder, type TestPlatform, testPlatform } from '#test/support/platform.ts';
import { loginArn, type Need, translatorOf } from './actions.ts';
import { exercises, grantsOf, readable } from './grants.ts';
import { runStories } from './stories.ts';

const calls: ServiceCall[] = [];
let platform: TestPlatform;
let running: readonly RunningResource[];

const stages = ['dev', 'prod'].map((stage) => {
  const assembly = synthesize(stage, undefined, { witness: true });
  return { stage, assembly, permissions: permissionsOf(assembly) };
});

beforeAll(async () => {
  platform = await testPlatform({ onCall: (call) => calls.push(call) });
  const { resources } = loadTemplates(readAssembly(assemblyFolder), {
    region,
    account,
    queueBase: platform.services.endpoints.sqs,
    databaseHost: platform.postgres.host,
    databasePort: platform.postgres.port,
  });
  running = resources;
  const name = (type: string, id: RegExp) =>
    resources.find((one) => one.type === type && id.test(one.id))!.attributes.ref;
  const hash = '[0-9A-F]{8}$';
  const queue = (id: string) => name('AWS::SQS::Queue', new RegExp(`^${id}${hash}`));
  await runStories(platform, {
    control: name('AWS::S3::Bucket', new RegExp(`^Control${hash}`)),
    segments: name('AWS::S3::Bucket', new RegExp(`^Segments${hash}`)),
    archive: name('AWS::S3::Bucket', new RegExp(`^Archive${hash}`)),
    evidence: name('AWS::S3::Bucket', new RegExp(`^Evidence${hash}`)),
    anchor: queue('Anchor'),
    critical: queue('Critical'),
    bulk: queue('Bulk'),
    criticalDead: queue('CriticalDead'),
    bulkDead: queue('BulkDead'),
  });
}, 300_000);
afterAll(() => platform?.end());

/** Provisioning and Lambda's pollers sign as `local`, the producers of the stories as `outsider`. */
const byFunctions = () => calls.filter(({ caller }) => caller !== 'local' && caller !== 'outsider' && caller !== '');

const known = new Map<string, readonly Need[]>();
function needsOf({ stage, assembly }: (typeof stages)[number]): readonly Need[] {
  const before = known.get(stage);
  if (before) return before;
  const translator = translatorOf(assembly, running);
  const all = [...translator.implicitNeeds(), ...byFunctions().flatMap((call) => translator.needsOf(call))];
  const needs = [...new Map(all.map((need) => [JSON.stringify(need), need])).values()];
  known.set(stage, needs);
  return needs;
}

test('every function lived through a story', () => {
  const ran = new Set(byFunctions().map(({ caller }) => caller));
  const silent = platform.functions.names.filter((name) => !ran.has(name));
  // The first two speak to the database alone, the others to nobody.
  const quiet = ['jobspreparepartitions', 'costsrefreshnightly', 'accesswhoami', 'observehealth', 'observedocs'];
  expect(silent.filter((name) => !quiet.some((one) => name.includes(one)))).toEqual([]);
  expect(silent).toHaveLength(quiet.length);
});

test.each(stages)('$stage: each call is allowed by the role of the function that made it', async (stage) => {
  const needs = needsOf(stage);
  const denied: string[] = [];
  for (const { functionId, action, resource, context } of needs) {
    const result = await stage.permissions.simulate(functionId, action, resource, context);
    if (result !== 'Allowed') denied.push(`${functionId} ${action} ${resource}: ${result}`);
  }
  console.log(
    `${stage.stage}: ${stage.permissions.functions.length} functions, ${byFunctions().length} calls, ` +
      `${needs.length} distinct (function, action, resource), ${denied.length} denied`,
  );
  expect(denied).toEqual([]);
});

test.each(stages)('$stage: a function logs in to the database as its own user and as nobody else', async (stage) => {
  const users = [
    'trailkeep_app',
    'trailkeep_owner',
    'trailkeep_sealer',
    'trailkeep_recovery',
    'trailkeep_verifier',
    'trailkeep_archiver',
    'trailkeep_purger',
    'trailkeep_loader',
    'trailkeep_master',
    'postgres',
  ];
  for (const { id, properties } of stage.permissions.functions) {
    const { Variables = {} } = (properties.Environment ?? {}) as { Variables?: Record<string, unknown> };
    for (const user of users) {
      const result = await stage.permissions.simulate(id, 'rds-db:connect', loginArn(user));
      expect(result === 'Allowed', `${id} as ${user}`).toBe(Variables.DATABASE_USER === user);
    }
  }
});

test('what is allowed and was never used is on the list, with its reason', () => {
  const unused = stages.flatMap((stage) => {
    const needs = needsOf(stage);
    return grantsOf(stage.permissions)
      .filter((grant) => !needs.some((need) => exercises(need, grant)))
      .map((grant) => readable(stage.assembly, grant));
  });
  const found = [...new Set(unused)].sort();
  console.log(`${found.length} unused`);
  const listed = JSON.parse(
    readFileSync(new URL('../../lib/unused-permissions.json', import.meta.url), 'utf8'),
  ) as Record<string, string>;
  expect(found).toEqual(Object.keys(listed).sort());
  for (const [grant, reason] of Object.entries(listed)) expect(reason.length, grant).toBeGreaterThan(20);
});
