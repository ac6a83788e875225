/**
 * Which CloudFormation resource types run here, and which are left out knowingly.
 *
 * A type in neither list stops the start: what CDK declares and nobody runs would be a silent difference.
 */

import { kmsKeyIdOf } from './cloud/kms-keys.ts';

/** Attributes of a resource that runs here: what `Ref` and `Fn::GetAtt` answer. */
export interface Attributes {
  readonly ref: string;
  readonly [attribute: string]: string;
}

export interface Place {
  readonly region: string;
  readonly account: string;
  /** Address of the local SQS, for queue URLs. */
  readonly queueBase: string;
  readonly databaseHost: string;
  readonly databasePort: number;
}

export interface Named {
  readonly stack: string;
  readonly id: string;
  /** Properties with intrinsics not yet resolved, except names. */
  readonly properties: Readonly<Record<string, unknown>>;
  /** A property that is a literal name; undefined when CloudFormation would make the name up. */
  name(property: string): string | undefined;
  /** Physical id of a resource that a property refers to. */
  refer(property: string): string;
}

type Naming = (one: Named, place: Place) => Attributes;

const arn = (place: Place, service: string, rest: string) =>
  `arn:aws:${service}:${place.region}:${place.account}:${rest}`;

/** A made-up name that is stable across starts and fits the strictest limit (63 for buckets). */
const made = ({ stack, id }: Named) =>
  `${stack}-${id}`
    .toLowerCase()
    .replace(/[^a-z0-9-]/g, '-')
    .slice(-63)
    .replace(/^-+/, '');

const onlyRef: Naming = (one) => ({ ref: one.id });

export const runs: Readonly<Record<string, Naming>> = {
  'AWS::S3::Bucket': (one, { region }) => {
    const ref = one.name('BucketName') ?? made(one);
    return {
      ref,
      Arn: `arn:aws:s3:::${ref}`,
      DomainName: `${ref}.s3.amazonaws.com`,
      RegionalDomainName: `${ref}.s3.${region}.amazonaws.com`,
    };
  },
  'AWS::SQS::Queue': (one, place) => {
    const name = one.name('QueueName') ?? made(one) + (one.properties.FifoQueue === true ? '.fifo' : '');
    const url = `${place.queueBase}/${place.account}/${name}`;
    return { ref: url, QueueUrl: url, QueueName: name, Arn: arn(place, 'sqs', name) };
  },
  'AWS::SNS::Topic': (one, place) => {
    const name = one.name('TopicName') ?? made(one) + (one.properties.FifoTopic === true ? '.fifo' : '');
    return { ref: arn(place, 'sns', name), TopicArn: arn(place, 'sns', name), TopicName: name };
  },
  'AWS::SNS::Subscription': onlyRef,
  'AWS::SSM::Parameter': (one) => {
    const ref = one.name('Name') ?? `/${made(one)}`;
    return { ref, Value: String(one.properties.Value), Type: String(one.properties.Type ?? 'String') };
  },
  'AWS::KMS::Key': (one, place) => {
    const ref = kmsKeyIdOf(made(one));
    return { ref, KeyId: ref, Arn: arn(place, 'kms', `key/${ref}`) };
  },
  'AWS::Lambda::Function': (one, place) => {
    const ref = one.name('FunctionName') ?? made(one);
    return { ref, Arn: arn(place, 'lambda', `function:${ref}`) };
  },
  'AWS::Lambda::Version': (one, place) => ({
    ref: `${functionArn(one.refer('FunctionName'), place)}:1`,
    FunctionArn: `${functionArn(one.refer('FunctionName'), place)}:1`,
    Version: '1',
  }),
  'AWS::Lambda::Alias': (one, place) => {
    const ref = `${functionArn(one.refer('FunctionName'), place)}:${one.name('Name')}`;
    return { ref, AliasArn: ref };
  },
  'AWS::Lambda::EventSourceMapping': (one) => ({ ref: one.id, Id: one.id }),
  'AWS::Lambda::EventInvokeConfig': onlyRef,
  'AWS::Glue::Database': (one) => ({
    ref: String((one.properties.DatabaseInput as { readonly Name?: unknown }).Name ?? made(one)),
  }),
  'AWS::Glue::Table': onlyRef,
  'AWS::Athena::WorkGroup': (one) => ({ ref: one.name('Name') ?? made(one) }),
  'AWS::Scheduler::Schedule': (one, place) => {
    const ref = one.name('Name') ?? made(one);
    return { ref, Arn: arn(place, 'scheduler', `schedule/${one.name('GroupName') ?? 'default'}/${ref}`) };
  },
  'AWS::Scheduler::ScheduleGroup': (one, place) => {
    const ref = one.name('Name') ?? made(one);
    return { ref, Arn: arn(place, 'scheduler', `schedule-group/${ref}`) };
  },
  'AWS::ApiGateway::RestApi': (one) => ({
    ref: one.id.toLowerCase(),
    RestApiId: one.id.toLowerCase(),
    RootResourceId: 'root',
  }),
  'AWS::ApiGateway::Resource': (one) => ({ ref: one.id, ResourceId: one.id }),
  'AWS::ApiGateway::Method': onlyRef,
  'AWS::ApiGateway::Authorizer': (one) => ({ ref: one.id, AuthorizerId: one.id }),
  'AWS::ApiGateway::GatewayResponse': onlyRef,
  'AWS::ApiGateway::Deployment': (one) => ({ ref: one.id, DeploymentId: one.id }),
  'AWS::ApiGateway::Stage': (one) => ({ ref: one.name('StageName') ?? 'prod' }),
  'AWS::RDS::DBCluster': (one, place) => ({
    ref: made(one),
    'Endpoint.Address': place.databaseHost,
    'Endpoint.Port': String(place.databasePort),
    'ReadEndpoint.Address': place.databaseHost,
    Port: String(place.databasePort),
    DBClusterArn: arn(place, 'rds', `cluster:${made(one)}`),
    DBClusterIdentifier: made(one),
    DBClusterResourceId: 'cluster-LOCAL',
    'MasterUserSecret.SecretArn': arn(place, 'secretsmanager', `secret:${made(one)}`),
  }),
  'AWS::RDS::DBInstance': (one, place) => ({
    ref: made(one),
    'Endpoint.Address': place.databaseHost,
    'Endpoint.Port': String(place.databasePort),
    DBInstanceArn: arn(place, 'rds', `db:${made(one)}`),
    DbiResourceId: 'db-LOCAL',
  }),
  'AWS::RDS::DBProxy': (one, place) => ({
    ref: made(one),
    Endpoint: place.databaseHost,
    DBProxyArn: arn(place, 'rds', 'db-proxy:prx-local'),
    VpcId: 'vpc-local',
  }),
  'AWS::RDS::DBProxyEndpoint': (one, place) => ({
    ref: made(one),
    Endpoint: place.databaseHost,
    DBProxyEndpointArn: arn(place, 'rds', 'db-proxy-endpoint:prx-local'),
    VpcId: 'vpc-local',
  }),
};

/** A function's ARN from what a property refers to: its name, its ARN or a qualified ARN. */
function functionArn(reference: string, place: Place): string {
  return reference.startsWith('arn:')
    ? reference.split(':').slice(0, 7).join(':')
    : arn(place, 'lambda', `function:${reference}`);
}

const noIam = 'permissions are not enforced here; tests of the template check them';
const noPool = 'people log in at the local issuer here';
const noNetwork = 'one machine has no network to divide';
const oneDatabase = 'the local PostgreSQL stands for the whole cluster';
const noAlarms = 'metrics are lines in the function logs here; nothing watches them';
const noEdge = 'requests come straight from this machine';
const noDeploy = 'only a deployment needs it';

/** Types that are left out, and why. `Fn::GetAtt` on them answers a placeholder. */
export const ignored: Readonly<Record<string, string>> = {
  'AWS::IAM::Role': noIam,
  'AWS::IAM::Policy': noIam,
  'AWS::IAM::ManagedPolicy': noIam,
  'AWS::IAM::OIDCProvider': noIam,
  'AWS::Lambda::Permission': noIam,
  'AWS::S3::BucketPolicy': noIam,
  'AWS::SQS::QueuePolicy': noIam,
  'AWS::SNS::TopicPolicy': noIam,
  'AWS::KMS::Alias': 'keys are named by their ARNs here',
  'AWS::Cognito::UserPool': noPool,
  'AWS::Cognito::UserPoolDomain': noPool,
  'AWS::Cognito::UserPoolClient': noPool,
  'AWS::Cognito::ManagedLoginBranding': noPool,
  'AWS::EC2::VPC': noNetwork,
  'AWS::EC2::Subnet': noNetwork,
  'AWS::EC2::RouteTable': noNetwork,
  'AWS::EC2::Route': noNetwork,
  'AWS::EC2::SubnetRouteTableAssociation': noNetwork,
  'AWS::EC2::EIP': noNetwork,
  'AWS::EC2::NatGateway': noNetwork,
  'AWS::EC2::InternetGateway': noNetwork,
  'AWS::EC2::EgressOnlyInternetGateway': noNetwork,
  'AWS::EC2::VPCCidrBlock': noNetwork,
  'AWS::EC2::VPCGatewayAttachment': noNetwork,
  'AWS::EC2::VPCEndpoint': noNetwork,
  'AWS::EC2::SecurityGroup': noNetwork,
  'AWS::EC2::SecurityGroupIngress': noNetwork,
  'AWS::EC2::SecurityGroupEgress': noNetwork,
  'AWS::EC2::NetworkAcl': noNetwork,
  'AWS::EC2::NetworkAclEntry': noNetwork,
  'AWS::EC2::SubnetNetworkAclAssociation': noNetwork,
  'AWS::EC2::FlowLog': noNetwork,
  'AWS::RDS::DBSubnetGroup': oneDatabase,
  'AWS::RDS::DBParameterGroup': oneDatabase,
  'AWS::RDS::DBClusterParameterGroup': oneDatabase,
  'AWS::RDS::DBProxyTargetGroup': oneDatabase,
  'AWS::SecretsManager::Secret': 'the local PostgreSQL asks for no password on the loopback interface',
  'AWS::SecretsManager::SecretTargetAttachment': 'the local PostgreSQL asks for no password on the loopback interface',
  'AWS::SecretsManager::RotationSchedule': 'there is no secret to rotate',
  'AWS::Backup::BackupVault': 'the state folder is yours to copy',
  'AWS::Backup::BackupPlan': 'the state folder is yours to copy',
  'AWS::Backup::BackupSelection': 'the state folder is yours to copy',
  'AWS::Logs::LogGroup': 'function logs are files under the state folder',
  'AWS::Logs::MetricFilter': noAlarms,
  'AWS::Logs::ResourcePolicy': noIam,
  'AWS::CloudWatch::Alarm': noAlarms,
  'AWS::CloudWatch::CompositeAlarm': noAlarms,
  'AWS::CloudWatch::Dashboard': noAlarms,
  'AWS::ApiGateway::Account': 'there is no access log role to set',
  'AWS::ApiGateway::UsagePlan': 'limits per key live in the functions',
  'AWS::ApiGateway::RequestValidator': 'a method that asks for one is refused by the gateway',
  'AWS::ApiGateway::DomainName': noEdge,
  'AWS::ApiGateway::BasePathMapping': noEdge,
  'AWS::WAFv2::WebACL': noEdge,
  'AWS::WAFv2::WebACLAssociation': noEdge,
  'AWS::CloudFront::Distribution': noEdge,
  'AWS::CDK::Metadata': noDeploy,
  'AWS::CodeDeploy::Application': noDeploy,
  'AWS::CodeDeploy::DeploymentGroup': noDeploy,
  'AWS::CodeDeploy::DeploymentConfig': noDeploy,
};
