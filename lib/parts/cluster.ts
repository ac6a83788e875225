/** An Aurora cluster: private, encrypted, logged in to with IAM tokens. */
import { ArnFormat, Duration, RemovalPolicy, Stack } from 'aws-cdk-lib';
import { type IVpc, Peer, Port, SecurityGroup, SubnetType } from 'aws-cdk-lib/aws-ec2';
import type { Key } from 'aws-cdk-lib/aws-kms';
import {
  AuroraPostgresEngineVersion,
  type CfnDBCluster,
  ClusterInstance,
  Credentials,
  DatabaseCluster,
  DatabaseClusterEngine,
  ParameterGroup,
} from 'aws-cdk-lib/aws-rds';
import type { Construct } from 'constructs';
import type { NetworkStack } from '../network-stack.ts';
import type { Settings } from '../settings.ts';

export interface ClusterProps {
  readonly key: Key | undefined;
  readonly databaseName: string;
  readonly size: Settings['shards'][number] & { readonly readers?: number };
}

/** Makes a cluster; backups and what happens to data are as the stage has them. */
export function makeCluster(
  scope: Construct,
  settings: Settings,
  network: NetworkStack,
  { key, databaseName, size }: ClusterProps,
): DatabaseCluster {
  const { aurora, removal } = settings;
  const group = new SecurityGroup(scope, 'Database', {
    vpc: network.vpc as IVpc,
    description: 'Aurora',
    allowAllOutbound: false,
  });
  group.addIngressRule(Peer.securityGroupId(network.client.securityGroupId), Port.tcp(5432), 'Our functions');
  const engine = DatabaseClusterEngine.auroraPostgres({ version: AuroraPostgresEngineVersion.VER_17_7 });
  const pauses = size.autoPauseMinutes !== undefined;
  const vpcSubnets = { subnetType: SubnetType.PRIVATE_ISOLATED };
  return new DatabaseCluster(scope, 'Cluster', {
    engine,
    vpc: network.vpc as IVpc,
    vpcSubnets,
    securityGroups: [group],
    writer: ClusterInstance.serverlessV2('Writer'),
    readers: Array.from({ length: size.readers ?? 0 }, (_, index) =>
      ClusterInstance.serverlessV2(`Reader${index + 1}`, { scaleWithWriter: true }),
    ),
    serverlessV2MinCapacity: size.minAcu,
    serverlessV2MaxCapacity: size.maxAcu,
    ...(pauses ? { serverlessV2AutoPauseDuration: Duration.minutes(size.autoPauseMinutes) } : {}),
    defaultDatabaseName: databaseName,
    credentials: Credentials.fromUsername('trailkeep_master'),
    manageMasterUserPassword: true,
    iamAuthentication: true,
    storageEncrypted: true,
    ...(key ? { storageEncryptionKey: key } : {}),
    parameterGroup: new ParameterGroup(scope, 'Parameters', {
      engine,
      parameters: {
        'rds.force_ssl': '1',
        // Frozen execution environments keep their sessions; an open session keeps Aurora awake.
        ...(pauses ? { idle_session_timeout: '60000' } : {}),
      },
    }),
    backup: { retention: Duration.days(aurora.backupDays) },
    copyTagsToSnapshot: true,
    deletionProtection: removal === 'retain',
    removalPolicy: removal === 'retain' ? RemovalPolicy.SNAPSHOT : RemovalPolicy.DESTROY,
    ...(removal === 'retain' ? { cloudwatchLogsExports: ['postgresql'] } : {}),
  });
}

/** Where RDS keeps the master user's password. */
export const masterSecretOf = (cluster: DatabaseCluster): string =>
  (cluster.node.defaultChild as CfnDBCluster).attrMasterUserSecretSecretArn;

/** The resource that `rds-db:connect` names for a login. */
export const loginOn = (cluster: DatabaseCluster, user: string): string =>
  Stack.of(cluster).formatArn({
    service: 'rds-db',
    resource: 'dbuser',
    resourceName: `${cluster.clusterResourceIdentifier}/${user}`,
    arnFormat: ArnFormat.COLON_RESOURCE_NAME,
  });
