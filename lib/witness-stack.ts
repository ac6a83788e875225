/**
 * A witness of our own: one function, one key, one bucket, and an API that asks nobody who they are, because the
 * signature on a checkpoint says it (C2SP tlog-witness).
 *
 * It stands alone, so that it can stand in another account: `cdk deploy trailkeep-<stage>-witness -c witness=own` with
 * that account's credentials. In the account of the logs it would be worth less, for whoever owns that account could
 * make both tell the same lie.
 */
import { type App, CfnOutput, Duration, RemovalPolicy, Stack, type StackProps } from 'aws-cdk-lib';
import { AuthorizationType } from 'aws-cdk-lib/aws-apigateway';
import { Alarm, ComparisonOperator, Metric, TreatMissingData } from 'aws-cdk-lib/aws-cloudwatch';
import { SnsAction } from 'aws-cdk-lib/aws-cloudwatch-actions';
import { AnyPrincipal, Effect, PolicyStatement } from 'aws-cdk-lib/aws-iam';
import { Key, KeySpec, KeyUsage } from 'aws-cdk-lib/aws-kms';
import { CfnPermission } from 'aws-cdk-lib/aws-lambda';
import { Topic } from 'aws-cdk-lib/aws-sns';
import { EmailSubscription } from 'aws-cdk-lib/aws-sns-subscriptions';
import type { Construct } from 'constructs';
import { makeBucket } from './parts/bucket.ts';
import { type Assets, allow, makeVerb, type Place, type Verb } from './parts/function.ts';
import { handsTo, makeRestApi } from './parts/rest-api.ts';
import type { Settings } from './settings.ts';

/** A log asks once for each checkpoint and twice when it guesses wrong: ten thousand logs a minute are 170 a second. */
const ratePerSecond = 200;
const burst = 400;

/** Adds the witness's stack to an app. */
export function addWitness(app: App, settings: Settings, assets: Assets): WitnessStack {
  const name = `trailkeep-${settings.stage}-witness`;
  return new WitnessStack(
    app,
    name,
    { settings, assets },
    {
      stackName: name,
      description: `Trailkeep ${settings.stage}: witness`,
      terminationProtection: settings.removal === 'retain',
      tags: { 'trailkeep:stage': settings.stage },
    },
  );
}

export class WitnessStack extends Stack {
  constructor(scope: Construct, id: string, place: Place, props: StackProps) {
    super(scope, id, props);
    const { settings } = place;
    const { name, logs } = settings.witness;
    const removalPolicy = settings.removal === 'retain' ? RemovalPolicy.RETAIN : RemovalPolicy.DESTROY;
    const key = new Key(this, 'CosigningKey', {
      description: 'Trailkeep: signs cosignatures',
      keySpec: KeySpec.ECC_NIST_EDWARDS25519,
      keyUsage: KeyUsage.SIGN_VERIFY,
      removalPolicy,
    });
    const bucket = makeBucket(this, 'State', {
      removal: settings.removal,
      // What a log's checkpoint was before is a trail of its own; it is small, and a month of it is enough to look into.
      lifecycleRules: [{ id: 'old-versions', noncurrentVersionExpiration: Duration.days(30) }],
    });
    const witness = makeVerb(this, 'Witness', place, {
      bundle: 'proof-witness',
      memoryMb: 512,
      timeoutSeconds: 29,
      environment: {
        WITNESS_NAME: name,
        WITNESS_KEY_ARN: key.keyArn,
        WITNESS_BUCKET: bucket.bucketName,
        WITNESS_LOGS: logs.join('\n'),
      },
      permissions: [
        allow(['s3:GetObject'], [bucket.arnForObjects('logs/*'), bucket.arnForObjects('logs.txt')]),
        allow(['s3:PutObject'], [bucket.arnForObjects('logs/*')]),
        // Turns S3's 403 for a missing object into an honest 404.
        allow(['s3:ListBucket'], [bucket.bucketArn]),
        allow(['kms:GetPublicKey'], [key.keyArn]),
        allow(['kms:Sign'], [key.keyArn], {
          StringEquals: { 'kms:SigningAlgorithm': 'ED25519_SHA_512', 'kms:MessageType': 'RAW' },
        }),
      ],
    });
    this.#guardKey(key, witness, settings);
    // A witness that forgets, or that is set back, would cosign a second history.
    bucket.addToResourcePolicy(
      refuse('NothingIsForgotten', ['s3:DeleteObject', 's3:DeleteObjectVersion'], [bucket.arnForObjects('logs/*')]),
    );
    bucket.addToResourcePolicy(
      refuse('EveryWriteIsConditional', ['s3:PutObject'], [bucket.arnForObjects('logs/*')], {
        Null: { 's3:if-none-match': 'true', 's3:if-match': 'true' },
      }),
    );

    const api = makeRestApi(this, { settings, name: `trailkeep-${settings.stage}-witness`, ratePerSecond, burst });
    const integration = handsTo(this, witness);
    const open = { authorizationType: AuthorizationType.NONE };
    api.root.resourceForPath('add-checkpoint').addMethod('POST', integration, open);
    api.root.resourceForPath('vkey').addMethod('GET', integration, open);
    api.root.resourceForPath('{originHash}/checkpoint').addMethod('GET', integration, open);
    new CfnPermission(this, 'May', {
      action: 'lambda:InvokeFunction',
      principal: 'apigateway.amazonaws.com',
      functionName: witness.live.functionArn,
      sourceArn: api.arnForExecuteApi('*', '/*', 'live'),
    });
    if (settings.observe.alarms) this.#watch(witness, settings);
    new CfnOutput(this, 'Url', { value: api.url, description: 'Submission and monitoring prefix' });
    new CfnOutput(this, 'StateBucket', { value: bucket.bucketName, description: 'logs.txt in it adds known logs' });
  }

  /** The role exists by now, so the key can name it: nobody else signs, and only messages themselves. */
  #guardKey(key: Key, witness: Verb, settings: Settings): void {
    const { roleArn } = witness.function.role!;
    for (const statement of [
      refuse('OnlyTheWitnessSigns', ['kms:Sign'], ['*'], { ArnNotEquals: { 'aws:PrincipalArn': roleArn } }),
      refuse('OnlyEd25519', ['kms:Sign'], ['*'], {
        StringNotEquals: { 'kms:SigningAlgorithm': 'ED25519_SHA_512' },
      }),
      refuse('OnlyMessages', ['kms:Sign'], ['*'], { StringNotEquals: { 'kms:MessageType': 'RAW' } }),
      ...(settings.removal === 'retain'
        ? [refuse('NobodyEndsIt', ['kms:ScheduleKeyDeletion', 'kms:DisableKey'], ['*'])]
        : []),
    ]) {
      key.addToResourcePolicy(statement);
    }
  }

  #watch(witness: Verb, settings: Settings): void {
    const topic = new Topic(this, 'Alarms', { enforceSSL: true });
    const { alarmEmail } = settings.observe;
    if (alarmEmail !== undefined) topic.addSubscription(new EmailSubscription(alarmEmail));
    const inconsistent = new Metric({
      namespace: 'Trailkeep',
      metricName: 'inconsistent',
      dimensionsMap: { stage: settings.stage, area: 'witness' },
      statistic: 'Sum',
      period: Duration.minutes(1),
    });
    for (const [id, metric, threshold, reason] of [
      ['Inconsistent', inconsistent, 1, 'A log signed a tree that does not grow out of what was cosigned'],
      ['Troubles', witness.function.metricErrors({ period: Duration.minutes(1) }), 5, 'The witness throws'],
    ] as const) {
      const alarm = new Alarm(this, id, {
        metric,
        threshold,
        evaluationPeriods: 1,
        alarmDescription: reason,
        comparisonOperator: ComparisonOperator.GREATER_THAN_OR_EQUAL_TO_THRESHOLD,
        treatMissingData: TreatMissingData.NOT_BREACHING,
      });
      alarm.addAlarmAction(new SnsAction(topic));
    }
  }
}

const refuse = (
  sid: string,
  actions: string[],
  resources: string[],
  conditions?: Record<string, Record<string, string>>,
): PolicyStatement =>
  new PolicyStatement({
    sid,
    effect: Effect.DENY,
    principals: [new AnyPrincipal()],
    actions,
    resources,
    ...(conditions ? { conditions } : {}),
  });
