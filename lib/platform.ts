/**
 * All stacks of one stage, wired one way: network → data → shards → record, proof, trail, costs → read, jobs → observe; people
 * stands alone.
 */
import type { App } from 'aws-cdk-lib';
import type { IVpc } from 'aws-cdk-lib/aws-ec2';
import { CostsStack } from './costs-stack.ts';
import { DataStack } from './data-stack.ts';
import { JobsStack } from './jobs-stack.ts';
import { NetworkStack } from './network-stack.ts';
import { ObserveStack } from './observe-stack.ts';
import type { Assets } from './parts/function.ts';
import { PeopleStack } from './people-stack.ts';
import { ProofStack } from './proof-stack.ts';
import { ReadStack } from './read-stack.ts';
import { RecordStack } from './record-stack.ts';
import type { Settings } from './settings.ts';
import { ShardStack } from './shard-stack.ts';
import { TrailStack } from './trail-stack.ts';

/** Adds a stage's stacks to an app. `assets` is where the bundles lie, or `stub`. */
export function addPlatform(app: App, settings: Settings, assets: Assets) {
  const prefix = `trailkeep-${settings.stage}`;
  const props = (name: string) => ({
    stackName: `${prefix}-${name}`,
    description: `Trailkeep ${settings.stage}: ${name}`,
    terminationProtection: settings.removal === 'retain' && /^(data|network|people|shard-\d+)$/.test(name),
    tags: { 'trailkeep:stage': settings.stage },
  });
  const network = new NetworkStack(app, `${prefix}-network`, settings, props('network'));
  const data = new DataStack(app, `${prefix}-data`, settings, network, props('data'));
  for (const [index] of settings.shards.entries()) {
    const [number, name] = [index + 1, `shard-${index + 1}`];
    data.shards.push(new ShardStack(app, `${prefix}-${name}`, { settings, network, data, number }, props(name)));
  }
  const people = new PeopleStack(app, `${prefix}-people`, settings, props('people'));
  const common = { settings, assets, data, inside: { vpc: network.vpc as IVpc, securityGroup: network.client } };
  const { record } = new RecordStack(app, `${prefix}-record`, common, props('record'));
  const { proof } = new ProofStack(app, `${prefix}-proof`, common, props('proof'));
  const trail = new TrailStack(app, `${prefix}-trail`, common, props('trail'));
  const costs = new CostsStack(app, `${prefix}-costs`, common, props('costs'));
  const read = new ReadStack(app, `${prefix}-read`, { ...common, record, proof, trail, costs }, props('read'));
  const { jobs } = new JobsStack(app, `${prefix}-jobs`, { ...common, sweep: record.sweep, proof }, props('jobs'));
  const observe = new ObserveStack(
    app,
    `${prefix}-observe`,
    { settings, data, record, proof, trail, costs, read, jobs },
    props('observe'),
  );
  return { network, data, people, record, proof, trail, costs, read, jobs, observe };
}
