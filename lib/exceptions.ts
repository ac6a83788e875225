/**
 * The register of exceptions from cdk-nag's AwsSolutions and Serverless rules: the only place to make one.
 * A test fails on a finding that is not here, on an entry that nothing needs, and on one whose day has passed.
 */
export interface Exception {
  readonly rule: RegExp;
  /** Construct path. */
  readonly path: RegExp;
  readonly reason: string;
  /** YYYY-MM-DD: look at it again by then. */
  readonly expires: string;
}

const by = '2027-11-30';
const method = /\/Door\/Api\/Default\//;

export const exceptions: readonly Exception[] = [
  {
    rule: /^AwsSolutions-APIG2$/,
    path: /\/Door\/Api\/Resource$/,
    expires: by,
    reason: 'The verbs check every body themselves, item by item; a validator would refuse a batch for one bad item.',
  },
  {
    rule: /^AwsSolutions-APIG3$/,
    path: /\/DeploymentStage/,
    expires: by,
    reason:
      'No firewall yet: it costs by the hour, and bodies hold the very strings its rules refuse. It belongs to the distribution in front.',
  },
  {
    rule: /^AwsSolutions-APIG4$/,
    path: /\/(docs|redoc|openapi\.json|health)\//,
    expires: by,
    reason: 'Public on purpose: reference pages and liveness, which touch nothing.',
  },
  {
    rule: /^AwsSolutions-APIG6$/,
    path: /\/DeploymentStage/,
    expires: by,
    reason: 'Execution logs would hold bodies, which hold people. Access logs are on.',
  },
  {
    rule: /^AwsSolutions-COG4$/,
    path: method,
    expires: by,
    reason: 'Callers are programs with keys, checked by our own authorizer; Cognito is for people.',
  },
  {
    rule: /^AwsSolutions-COG[238]$/,
    path: /trailkeep-(dev|sharded)-people\/Pool\/Resource$/,
    expires: by,
    reason: 'A dev pool: a second factor is offered, threat protection is billed by the user. Prod requires both.',
  },
  {
    rule: /^AwsSolutions-IAM4\[.*AWSCodeDeployRoleForLambdaLimited\]$/,
    path: /\/DeploymentsRole\/Resource$/,
    expires: by,
    reason: 'AWS keeps the policy of CodeDeploy in step with what it does.',
  },
  {
    rule: /^AwsSolutions-IAM5\[Resource::.*\/((keys|tenants|intake|issuers|claims|privacy|exports|reports|inbox|fetched|segments|index|athena\/(questions|results))\/\*|audit-logs\*)\]$/,
    path: /\/DefaultPolicy\/Resource$/,
    expires: by,
    reason: 'Objects under one prefix of one bucket; their names are made at run time.',
  },
  {
    rule: /^AwsSolutions-IAM5\[Resource::.*\/t\/\*(\/checkpoint|\/(tile|cosignatures|checkpoint-archive)\/\*)?\]$/,
    path: /\/Proof\/\w+Role\/DefaultPolicy\/Resource$/,
    expires: by,
    reason: 'Logs have random names that are made at run time, and lie beside each other.',
  },
  {
    rule: /^AwsSolutions-IAM5\[Resource::.*trailkeep-(dev|sharded|prod)-intake-\*\]$/,
    path: /\/(Intake|OpenIntake|DeadLetters)Role\/DefaultPolicy\/Resource$/,
    expires: by,
    reason: 'Intake queues are made at run time under one name prefix.',
  },
  {
    rule: /^AwsSolutions-IAM5\[Resource::.*:parameter\/trailkeep\/\w+\/secrets\/\*\]$/,
    path: /-costs\/((Loading|Jobs)\/)?\w+Role\/DefaultPolicy\/Resource$/,
    expires: by,
    reason: 'Secrets of tenants are made at run time, under one path.',
  },
  {
    rule: /^AwsSolutions-IAM5\[Resource::.*\/job-\*\]$/,
    path: /-costs\/Jobs\/(Definitions|PutSchedules)Role\/DefaultPolicy\/Resource$/,
    expires: by,
    reason: 'Schedules of jobs are made at run time, in one group and under one name prefix.',
  },
  {
    rule: /^AwsSolutions-IAM5\[Resource::\*\]$/,
    path: /\/DefaultPolicy\/Resource$/,
    expires: by,
    reason: 'X-Ray, network interfaces and mappings that do not exist yet have no resource to name.',
  },
  {
    rule: /^AwsSolutions-RDS10$/,
    path: /trailkeep-(dev-data|sharded-(data|shard-1))\/Cluster\/Resource$/,
    expires: by,
    reason: 'A dev database is there to be thrown away.',
  },
  {
    rule: /^AwsSolutions-S1$/,
    path: /-data\/(Control|Segments|Archive|Evidence|Imports)\/Resource$/,
    expires: by,
    reason:
      "Server access logs are best effort and cost a request each; CloudTrail data events are the account's to switch on.",
  },
  {
    rule: /^AwsSolutions-SQS3$|^Serverless-SQSRedrivePolicy$/,
    path: /\/(Missed|Unreadable|CriticalDead|BulkDead|ProofDead|JobsDead)\/Resource$/,
    expires: by,
    reason: 'These are the dead-letter queues.',
  },
  {
    rule: /^AwsSolutions-VPC7$/,
    path: /trailkeep-(dev|sharded)-network\/Vpc\/Resource$/,
    expires: by,
    reason: 'Flow logs cost by the gigabyte; prod has them.',
  },
  {
    rule: /^Serverless-LambdaDLQ$/,
    path: /\/Resource$/,
    expires: by,
    reason: 'Called by API Gateway or by queues, which have their own dead-letter queues; schedules have one each.',
  },
  {
    rule: /^Serverless-LambdaEventSourceMappingDestination$/,
    path: /(\/(Jobs|Record|Proof|Archive|Query|Loading|Forecasting)|-costs)\/\w+Mapping\/Resource$/,
    expires: by,
    reason: 'SQS moves what fails by its redrive policy; a destination is for streams.',
  },
  // The witness, which is a platform of its own.
  {
    rule: /^AwsSolutions-(APIG4|COG4)$/,
    path: /-witness\/Api\/Default\//,
    expires: by,
    reason: 'The signature on a checkpoint says who asks, as C2SP tlog-witness has it; what is shown is public.',
  },
  {
    rule: /^AwsSolutions-APIG2$/,
    path: /-witness\/Api\/Resource$/,
    expires: by,
    reason: 'Bodies are signed notes, which no validator of API Gateway can read.',
  },
  {
    rule: /^AwsSolutions-IAM5\[Resource::<State.*\.Arn>\/logs\/\*\]$/,
    path: /-witness\/WitnessRole\/DefaultPolicy\/Resource$/,
    expires: by,
    reason: 'One object for each log, made when it is first cosigned.',
  },
  {
    rule: /^AwsSolutions-S1$/,
    path: /-witness\/State\/Resource$/,
    expires: by,
    reason: 'Every object says who signed it and when; its versions are the trail of its changes.',
  },
];
