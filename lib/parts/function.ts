/**
 * A Lambda with our defaults, and a role that holds what the service itself needs and nothing else.
 *
 * CDK adds neither log nor network permissions to a role that is passed in, and no validator notices: the
 * function would deploy and say nothing, or fail to deploy. So they are written here, once.
 */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { Duration, RemovalPolicy, Stack } from 'aws-cdk-lib';
import { Alarm, ComparisonOperator, TreatMissingData } from 'aws-cdk-lib/aws-cloudwatch';
import { LambdaApplication, LambdaDeploymentConfig, LambdaDeploymentGroup } from 'aws-cdk-lib/aws-codedeploy';
import { type ISecurityGroup, type IVpc, SubnetType } from 'aws-cdk-lib/aws-ec2';
import { Effect, PolicyStatement, Role, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import {
  Alias,
  ApplicationLogLevel,
  Architecture,
  Code,
  type IVersion,
  Function as LambdaFunction,
  LoggingFormat,
  Runtime,
  SystemLogLevel,
  Tracing,
} from 'aws-cdk-lib/aws-lambda';
import { LogGroup, type RetentionDays } from 'aws-cdk-lib/aws-logs';
import type { Construct } from 'constructs';
import type { Env } from '#functions/runtime/env.ts';
import type { Settings } from '../settings.ts';

/** Where the bundles lie: `stub` stands for all of them where only the template matters. */
export type Assets = 'stub' | (string & {});

export interface Place {
  readonly settings: Settings;
  readonly assets: Assets;
}

export interface Inside {
  readonly vpc: IVpc;
  readonly securityGroup: ISecurityGroup;
}

export interface VerbProps {
  /** `<area>-<verb>`: the folder of the bundle. */
  readonly bundle: string;
  readonly memoryMb: number;
  readonly timeoutSeconds: number;
  /** Only for functions that speak to Postgres. */
  readonly inside?: Inside | undefined;
  readonly environment: Partial<Env>;
  readonly permissions: readonly PolicyStatement[];
  readonly reservedConcurrency?: number;
  /** Only where a policy elsewhere must name the role. */
  readonly roleName?: string;
  /** Answers requests of the API: a new version takes over step by step, and goes back on errors. */
  readonly canary?: boolean;
}

export interface Verb {
  readonly function: LambdaFunction;
  /** What callers name; a deployment moves it. */
  readonly live: Alias;
  readonly bundle: string;
}

const networkActions = [
  'ec2:CreateNetworkInterface',
  'ec2:DescribeNetworkInterfaces',
  'ec2:DescribeSubnets',
  'ec2:DeleteNetworkInterface',
  'ec2:AssignPrivateIpAddresses',
  'ec2:UnassignPrivateIpAddresses',
];

/** One statement that allows actions on resources. */
export function allow(actions: string[], resources: string[], conditions?: Record<string, Record<string, string>>) {
  return new PolicyStatement({ effect: Effect.ALLOW, actions, resources, ...(conditions ? { conditions } : {}) });
}

/** Makes a function, its log group, its role and its `live` alias. */
export function makeVerb(scope: Construct, id: string, place: Place, props: VerbProps): Verb {
  const { settings } = place;
  const logGroup = new LogGroup(scope, `${id}Logs`, {
    retention: settings.observe.logRetentionDays as RetentionDays,
    removalPolicy: settings.removal === 'retain' ? RemovalPolicy.RETAIN : RemovalPolicy.DESTROY,
  });
  const role = new Role(scope, `${id}Role`, {
    assumedBy: new ServicePrincipal('lambda.amazonaws.com'),
    ...(props.roleName === undefined ? {} : { roleName: props.roleName }),
  });
  const needed = [
    allow(['logs:CreateLogStream', 'logs:PutLogEvents'], [logGroup.logGroupArn]),
    // Neither knows resources: the trace belongs to nobody, the interface does not exist yet.
    allow(['xray:PutTraceSegments', 'xray:PutTelemetryRecords'], ['*']),
    ...(props.inside ? [allow(networkActions, ['*'])] : []),
  ];
  for (const statement of [...needed, ...props.permissions]) role.addToPrincipalPolicy(statement);

  const fn = new LambdaFunction(scope, id, {
    runtime: Runtime.NODEJS_24_X,
    architecture: Architecture.ARM_64,
    handler: 'index.handler',
    code: codeOf(place.assets, props.bundle),
    memorySize: props.memoryMb,
    timeout: Duration.seconds(props.timeoutSeconds),
    role,
    logGroup,
    loggingFormat: LoggingFormat.JSON,
    applicationLogLevelV2: ApplicationLogLevel.INFO,
    systemLogLevelV2: SystemLogLevel.WARN,
    tracing: Tracing.ACTIVE,
    environment: { ...environmentOf(place, props), ...(props.inside ? dualStack(settings) : {}) },
    ...(props.inside ? networkOf(props.inside, settings) : {}),
    ...(props.reservedConcurrency === undefined ? {} : { reservedConcurrentExecutions: props.reservedConcurrency }),
  });
  // Deleting a function in a VPC needs its role's permissions to the last.
  const policy = role.node.tryFindChild('DefaultPolicy');
  if (policy) fn.node.addDependency(policy);

  const live = new Alias(scope, `${id}Live`, { aliasName: 'live', version: fn.currentVersion as IVersion });
  if (props.canary && settings.deploy.canary) shiftSlowly(scope, id, live);
  return { function: fn, live, bundle: props.bundle };
}

function codeOf(assets: Assets, bundle: string): Code {
  if (assets === 'stub') return Code.fromInline('export const handler = async () => {};');
  const folder = join(assets, bundle);
  if (!existsSync(join(folder, 'index.mjs'))) throw new Error(`no bundle ${folder}; run \`npm run bundle\` first`);
  return Code.fromAsset(folder);
}

function environmentOf({ settings }: Place, props: VerbProps): Record<string, string> {
  return { STAGE: settings.stage, NODE_OPTIONS: '--enable-source-maps', ...props.environment };
}

const dualStack = (settings: Settings): Record<string, string> =>
  settings.network.egress === 'ipv6' ? { AWS_USE_DUALSTACK_ENDPOINT: 'true' } : {};

const networkOf = ({ vpc, securityGroup }: Inside, settings: Settings) => ({
  vpc,
  vpcSubnets: { subnetType: SubnetType.PRIVATE_ISOLATED },
  securityGroups: [securityGroup],
  ...(settings.network.egress === 'ipv6' ? { ipv6AllowedForDualStack: true } : {}),
});

function shiftSlowly(scope: Construct, id: string, alias: Alias): void {
  const errors = new Alarm(scope, `${id}Errors`, {
    alarmDescription: `${Stack.of(scope).stackName} ${id}: the live version throws; a deployment under way goes back`,
    metric: alias.metricErrors({ period: Duration.minutes(1) }),
    threshold: 1,
    evaluationPeriods: 1,
    comparisonOperator: ComparisonOperator.GREATER_THAN_OR_EQUAL_TO_THRESHOLD,
    treatMissingData: TreatMissingData.NOT_BREACHING,
  });
  const stack = Stack.of(scope);
  new LambdaDeploymentGroup(scope, `${id}Deployment`, {
    ...deploysOf(stack),
    alias,
    deploymentConfig: LambdaDeploymentConfig.CANARY_10PERCENT_5MINUTES,
    alarms: [errors],
    autoRollback: { failedDeployment: true, stoppedDeployment: true, deploymentInAlarm: true },
  });
}

/** CodeDeploy's application and role, one for a stack: it takes 500 resources, and they differ in nothing. */
function deploysOf(stack: Stack): { readonly application: LambdaApplication; readonly role: Role } {
  const id = 'Deployments';
  const application = (stack.node.tryFindChild(id) as LambdaApplication) ?? new LambdaApplication(stack, id);
  const roleId = 'DeploymentsRole';
  const role =
    (stack.node.tryFindChild(roleId) as Role) ??
    new Role(stack, roleId, { assumedBy: new ServicePrincipal('codedeploy.amazonaws.com') });
  return { application, role };
}
