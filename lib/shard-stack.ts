/** A cluster for tenants that outgrew the others' (docs/decisions/0010-shards.md). It holds data, and is protected like the main one. */
import { Stack, type StackProps } from 'aws-cdk-lib';
import type { DatabaseCluster } from 'aws-cdk-lib/aws-rds';
import type { Construct } from 'constructs';
import type { DataStack } from './data-stack.ts';
import type { NetworkStack } from './network-stack.ts';
import { makeCluster, masterSecretOf } from './parts/cluster.ts';
import type { Settings } from './settings.ts';

export interface ShardProps {
  readonly settings: Settings;
  readonly network: NetworkStack;
  readonly data: DataStack;
  /** From 1; the main cluster is 0. */
  readonly number: number;
}

export class ShardStack extends Stack {
  readonly number: number;
  readonly cluster: DatabaseCluster;
  /** Not the main cluster's, so that one machine can have both. */
  readonly databaseName: string;
  readonly maxAcu: number;

  constructor(scope: Construct, id: string, { settings, network, data, number }: ShardProps, props: StackProps) {
    super(scope, id, props);
    const size = settings.shards[number - 1]!;
    this.number = number;
    this.maxAcu = size.maxAcu;
    this.databaseName = `${data.databaseName}_${number}`;
    this.cluster = makeCluster(this, settings, network, { key: data.key, databaseName: this.databaseName, size });
  }

  /** Where RDS keeps the master user's password. */
  get masterSecretArn(): string {
    return masterSecretOf(this.cluster);
  }
}
