/** ElastiCache Serverless for Valkey: the second layer of the permission cache, and nothing else. */
import type { IVpc } from 'aws-cdk-lib/aws-ec2';
import { Peer, Port, SecurityGroup } from 'aws-cdk-lib/aws-ec2';
import { CfnServerlessCache } from 'aws-cdk-lib/aws-elasticache';
import type { Key } from 'aws-cdk-lib/aws-kms';
import { Construct } from 'constructs';
import type { NetworkStack } from '../network-stack.ts';
import type { Settings } from '../settings.ts';

/** 6379 is the primaries'; a client that learns the cluster's shape also looks at 6380, the replicas', and reads nothing there. */
export const valkeyPorts = Port.tcpRange(6379, 6380);

/**
 * A cache in the isolated subnets, over TLS, open to the functions that wear the client group.
 *
 * It has no users and no passwords, on purpose. Its security group admits whoever may also reach Postgres, and what
 * lies in it is sealed with a key that it does not have: a stranger in the network could read which permissions users
 * hold and empty the cache, but neither grant one nor prolong one. An IAM user would need a token signed anew for each
 * connection, which must be renewed within twelve hours, and `elasticache:Connect` for every function that asks who
 * may do what; it would keep out only those who hold a function's network and not its role.
 */
export class Valkey extends Construct {
  /** As stores/valkey/connect.ts reads it. */
  readonly endpoint: string;

  constructor(scope: Construct, id: string, settings: Settings, network: NetworkStack, key: Key | undefined) {
    super(scope, id);
    const group = new SecurityGroup(this, 'Group', {
      vpc: network.vpc as IVpc,
      description: 'Valkey',
      allowAllOutbound: false,
    });
    group.addIngressRule(Peer.securityGroupId(network.client.securityGroupId), valkeyPorts, 'Our functions');
    const cache = new CfnServerlessCache(this, 'Cache', {
      engine: 'valkey',
      majorEngineVersion: '8',
      serverlessCacheName: `trailkeep-${settings.stage}`,
      description: 'Permissions of users: rebuilt from Postgres whenever they are missing',
      securityGroupIds: [group.securityGroupId],
      subnetIds: network.vpc.isolatedSubnets.map(({ subnetId }) => subnetId),
      ...(key ? { kmsKeyId: key.keyArn } : {}),
      // What it may cost at most. Above it commands are refused, and Postgres answers.
      cacheUsageLimits: {
        dataStorage: { maximum: 1, unit: 'GB' },
        ecpuPerSecond: { maximum: 15_000 },
      },
    });
    this.endpoint = `valkeys://${cache.attrEndpointAddress}:6379`;
  }
}
