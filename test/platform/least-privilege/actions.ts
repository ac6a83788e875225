/** Which IAM actions a call needs, and on which resources of a stage. */
import type { ServiceCall } from '#local/services.ts';
import type { RunningResource } from '#local/template.ts';
import { account, region, resolverOf } from '#test/lib/support/resolve.ts';
import type { Assembly } from '#test/lib/support/synthesize.ts';

/** One action that a function's role must allow. */
export interface Need {
  readonly functionId: string;
  readonly action: string;
  readonly resource: string;
  readonly context: Readonly<Record<string, string>>;
}

type Input = Readonly<Record<string, unknown>>;

/** Translates calls on the local platform into the ARNs of a stage's templates. Throws on what it does not know. */
export function translatorOf(assembly: Assembly, running: readonly RunningResource[]) {
  const resolve = resolverOf(assembly);
  const only = (type: string, id: string) => {
    const [found, another] = assembly.all(type).filter((one) => one.id === id);
    if (!found || another) throw new Error(`${assembly.stage} has not exactly one ${type} ${id}`);
    return found;
  };
  /** The stage's resource behind a physical name of the local platform. */
  const behind = (type: string, isIt: (one: RunningResource) => boolean, name: string) => {
    const local = running.find((one) => one.type === type && isIt(one));
    if (!local) throw new Error(`no ${type} is called ${name}`);
    return only(type, local.id);
  };
  const arnOf = ({ stack, id }: { stack: string; id: string }) => resolve.arn(stack, id);
  const bucket = (name: string) => behind('AWS::S3::Bucket', ({ attributes }) => attributes.ref === name, name);
  const queue = (name: string) => {
    const made = /^trailkeep-dev-intake-([0-9a-f]+)$/.exec(name)?.[1];
    if (made) return `arn:aws:sqs:${region}:${account}:trailkeep-${assembly.stage}-intake-${made}`;
    return arnOf(behind('AWS::SQS::Queue', ({ attributes }) => attributes.QueueName === name, name));
  };
  const lastPart = (text: unknown, separator: string) => String(text).split(separator).at(-1)!;
  const functionOf = (arn: string) =>
    behind('AWS::Lambda::Function', ({ attributes }) => arn.startsWith(attributes.Arn!), arn);
  const secret = (arn: string) => {
    const cluster = behind('AWS::RDS::DBCluster', (one) => one.attributes['MasterUserSecret.SecretArn'] === arn, arn);
    return String(resolve.value({ 'Fn::GetAtt': [cluster.id, 'MasterUserSecret.SecretArn'] }, cluster.stack));
  };
  const keyOf = (reference: unknown, stack: string) => {
    const arn = String(resolve.value(reference, stack));
    return { arn: arn.startsWith('arn:') ? arn : arnOf(only('AWS::KMS::Key', arn)) };
  };
  const through = (service: string) => ({ 'kms:ViaService': `${service}.${region}.amazonaws.com` });

  type Wanted = readonly [action: string, resource: string, context?: Record<string, string>];
  /** What a bucket under our key needs besides. */
  const keyed = (name: string, action: string): Wanted[] => {
    const { Properties, stack } = bucket(name);
    const { ServerSideEncryptionConfiguration: rules } = Properties.BucketEncryption as {
      ServerSideEncryptionConfiguration: { ServerSideEncryptionByDefault: { KMSMasterKeyID?: unknown } }[];
    };
    const key = rules[0]!.ServerSideEncryptionByDefault.KMSMasterKeyID;
    return key === undefined ? [] : [[action, keyOf(key, stack).arn, through('s3')]];
  };

  /** In a stage that locks, archived checkpoints are written with their lock. */
  const locks = (name: string, key: string): boolean =>
    /^t\/[^/]+\/checkpoint-archive\//.test(key) && bucket(name).Properties.ObjectLockEnabled === true;

  const ofS3 = (operation: string, { path, status, body }: ServiceCall): Wanted[] => {
    const [, name = '', ...rest] = path.split('/').map(decodeURIComponent);
    const whole = arnOf(bucket(name));
    const object = `${whole}/${rest.join('/')}`;
    switch (operation) {
      case 'GetObject':
      case 'HeadObject':
        // Without the permission to list, S3 says 403 where nothing is.
        return status === 404
          ? [
              ['s3:GetObject', object],
              ['s3:ListBucket', whole],
            ]
          : [['s3:GetObject', object], ...keyed(name, 'kms:Decrypt')];
      case 'PutObject':
        return [
          ['s3:PutObject', object],
          // An archive file comes with its ladder's tag.
          ...(rest[0]!.startsWith('audit-logs') ? [['s3:PutObjectTagging', object] as const] : []),
          ...(locks(name, rest.join('/')) ? [['s3:PutObjectRetention', object] as const] : []),
          ...keyed(name, 'kms:GenerateDataKey'),
        ];
      case 'DeleteObjects':
        return [...body.matchAll(/<Key>([^<]+)<\/Key>/g)].map(([, key]) => ['s3:DeleteObject', `${whole}/${key}`]);
      case 'RestoreObject':
        return [['s3:RestoreObject', object]];
      case 'DeleteObject':
        return [['s3:DeleteObject', object]];
      case 'ListObjectsV2':
        return [['s3:ListBucket', whole]];
      default:
        return unknown(`s3 ${operation}`);
    }
  };

  const ofSqs = (operation: string, input: Input): Wanted[] => {
    const on = (action: string): Wanted => [`sqs:${action}`, queue(lastPart(input.QueueUrl ?? input.QueueName, '/'))];
    switch (operation) {
      case 'SendMessage':
      case 'SendMessageBatch':
        return [on('SendMessage')];
      case 'ChangeMessageVisibilityBatch':
        return [on('ChangeMessageVisibility')];
      case 'ReceiveMessage':
      case 'DeleteMessage':
      case 'GetQueueAttributes':
      case 'GetQueueUrl':
        return [on(operation)];
      case 'CreateQueue':
        return [on('CreateQueue'), ...(input.tags ? [on('TagQueue')] : [])];
      default:
        return unknown(`sqs ${operation}`);
    }
  };

  const ofSns = (operation: string, form: URLSearchParams): Wanted[] => {
    if (operation !== 'Publish') return unknown(`sns ${operation}`);
    const arn = form.get('TopicArn') ?? '';
    const topic = behind('AWS::SNS::Topic', ({ attributes }) => attributes.TopicArn === arn, arn);
    // A topic without settings of its own has no properties in the template.
    const { KmsMasterKeyId: key } = topic.Properties ?? {};
    const keyActions = key === undefined ? [] : ['kms:GenerateDataKey', 'kms:Decrypt'];
    return [
      ['sns:Publish', arnOf(topic)],
      ...keyActions.map((action): Wanted => [action, keyOf(key, topic.stack).arn, through('sns')]),
    ];
  };

  /** Who puts a schedule hands a role to the scheduler. */
  const ofScheduler = (operation: string, { path, query, body }: ServiceCall): Wanted[] => {
    const { GroupName, Target } = JSON.parse(body || '{}') as {
      readonly GroupName?: string;
      readonly Target?: { readonly RoleArn: string };
    };
    const name = GroupName ?? query.get('groupName') ?? 'default';
    const group = behind('AWS::Scheduler::ScheduleGroup', ({ attributes }) => attributes.ref === name, name);
    const groupName = resolve.value(group.Properties?.Name ?? { Ref: group.id }, group.stack);
    const schedule = `arn:aws:scheduler:${region}:${account}:schedule/${groupName}/${lastPart(path, '/')}`;
    if (operation === 'DeleteSchedule') return [['scheduler:DeleteSchedule', schedule]];
    if (!Target) return unknown(`scheduler ${operation}`);
    // What is not run here has its logical id in its ARN.
    const role = only('AWS::IAM::Role', lastPart(Target.RoleArn, ':').split('/')[0]!);
    return [
      [`scheduler:${operation}`, schedule],
      ['iam:PassRole', arnOf(role), { 'iam:PassedToService': 'scheduler.amazonaws.com' }],
    ];
  };

  const ofLambda = (operation: string, body: string): Wanted[] => {
    if (operation === 'ListEventSourceMappings') return [[`lambda:${operation}`, '*']];
    if (operation !== 'CreateEventSourceMapping') return unknown(`lambda ${operation}`);
    const { FunctionName } = JSON.parse(body) as { FunctionName: string };
    return [[`lambda:${operation}`, '*', { 'lambda:FunctionArn': `${arnOf(functionOf(FunctionName))}:live` }]];
  };

  /** By the ARN that the call names: what it decrypts must be named too, or the role could not be held to one key. */
  const ofKms = (operation: string, input: Input): Wanted[] => {
    const arn = String(input.KeyId);
    const key = behind('AWS::KMS::Key', ({ attributes }) => attributes.Arn === arn, arn);
    if (operation === 'GetPublicKey') return [[`kms:${operation}`, arnOf(key)]];
    if (operation === 'Sign') {
      const how = {
        'kms:SigningAlgorithm': String(input.SigningAlgorithm),
        'kms:MessageType': String(input.MessageType),
      };
      return [[`kms:${operation}`, arnOf(key), how]];
    }
    if (!['GenerateDataKey', 'Encrypt', 'Decrypt'].includes(operation)) return unknown(`kms ${operation}`);
    const pairs = Object.entries((input.EncryptionContext ?? {}) as Record<string, string>);
    const context = Object.fromEntries(pairs.map(([name, value]) => [`kms:EncryptionContext:${name}`, value]));
    return [[`kms:${operation}`, arnOf(key), context]];
  };

  const named = (id: RegExp) => {
    const local = running.find((one) => one.type === 'AWS::S3::Bucket' && id.test(one.id))!;
    return { name: local.attributes.ref, arn: arnOf(only('AWS::S3::Bucket', local.id)) };
  };

  /** Athena reads the catalogue and files, and writes results, in the name of who starts a query. */
  const ofAthena = (operation: string): Wanted[] => {
    const stage = assembly.stage;
    const own: Wanted = [`athena:${operation}`, `arn:aws:athena:${region}:${account}:workgroup/trailkeep-${stage}`];
    if (operation === 'GetQueryExecution' || operation === 'StopQueryExecution') return [own];
    if (operation !== 'StartQueryExecution') return unknown(`athena ${operation}`);
    const glue = `arn:aws:glue:${region}:${account}:`;
    const [database, tables] = [`database/trailkeep_${stage}`, ['event_lines', 'event_lines_monthly']];
    const archive = named(/^Archive[0-9A-F]{8}$/);
    const control = named(/^Control[0-9A-F]{8}$/);
    const result = `${control.arn}/athena/results/1.csv`;
    return [
      own,
      ...['catalog', database].map((name): Wanted => ['glue:GetDatabase', glue + name]),
      ...['catalog', database, ...tables.map((table) => `table/trailkeep_${stage}/${table}`)].flatMap(
        (name): Wanted[] => [
          ['glue:GetTable', glue + name],
          ['glue:GetPartitions', glue + name],
        ],
      ),
      ...[archive, control].flatMap(({ arn }): Wanted[] => [
        ['s3:GetBucketLocation', arn],
        ['s3:ListBucket', arn],
      ]),
      ['s3:GetObject', `${archive.arn}/audit-logs/dt=2026-03-01/tenant=t/category=system/bulk-1.jsonl.gz`],
      ['s3:GetObject', `${archive.arn}/audit-logs-monthly/month=2026-03/tenant=t/category=system/bulk-1.jsonl.gz`],
      ...keyed(archive.name, 'kms:Decrypt'),
      ['s3:PutObject', result],
      ['s3:GetObject', result],
      ['s3:AbortMultipartUpload', result],
      ['s3:ListMultipartUploadParts', result],
      ['s3:ListBucketMultipartUploads', control.arn],
      ...keyed(control.name, 'kms:GenerateDataKey'),
      ...keyed(control.name, 'kms:Decrypt'),
    ];
  };

  const wantedBy = (call: ServiceCall): Wanted[] => {
    const { service, operation, body } = call;
    const input = () => JSON.parse(body || '{}') as Input;
    const what = `${service} ${operation}`;
    if (service === 's3') return ofS3(operation, call);
    if (service === 'sqs') return ofSqs(operation, input());
    if (service === 'sns') return ofSns(operation, new URLSearchParams(body));
    if (service === 'kms') return ofKms(operation, input());
    if (service === 'lambda') return ofLambda(operation, body);
    if (service === 'athena') return ofAthena(operation);
    if (service === 'scheduler') return ofScheduler(operation, call);
    if (['ssm GetParameter', 'ssm PutParameter', 'ssm DeleteParameter'].includes(what)) {
      const name = String(input().Name).replace('/trailkeep/dev/', `/trailkeep/${assembly.stage}/`);
      return [[`ssm:${operation}`, `arn:aws:ssm:${region}:${account}:parameter${name}`]];
    }
    if (what === 'secretsmanager GetSecretValue')
      return [[`secretsmanager:${operation}`, secret(String(input().SecretId))]];
    return unknown(what);
  };

  const receive = (functionId: string, resource: string): Need[] =>
    ['ReceiveMessage', 'DeleteMessage', 'GetQueueAttributes'].map((action) => ({
      functionId,
      action: `sqs:${action}`,
      resource,
      context: {},
    }));

  return {
    /** What a call needs of its caller's role, and a new mapping of the role that it wakes. */
    needsOf(call: ServiceCall): Need[] {
      const { id } = behind('AWS::Lambda::Function', ({ attributes }) => attributes.ref === call.caller, call.caller);
      const own = wantedBy(call).map(([action, resource, context = {}]) => ({
        functionId: id,
        action,
        resource,
        context,
      }));
      if (call.operation !== 'CreateEventSourceMapping') return own;
      const { FunctionName, EventSourceArn } = JSON.parse(call.body) as {
        FunctionName: string;
        EventSourceArn: string;
      };
      return [...own, ...receive(functionOf(FunctionName).id, queue(lastPart(EventSourceArn, ':')))];
    },

    /** What Lambda does in a function's name, and the login that leaves no call. */
    implicitNeeds(): Need[] {
      return assembly.all('AWS::Lambda::Function').flatMap(({ id: functionId, stack, Properties }) => {
        const need = (action: string, resource: string): Need => ({ functionId, action, resource, context: {} });
        const { LogGroup } = Properties.LoggingConfig as { LogGroup: { Ref: string } };
        const stream = `arn:aws:logs:${region}:${account}:log-group:${LogGroup.Ref}:log-stream:x`;
        const { Variables = {} } = (Properties.Environment ?? {}) as { Variables?: Record<string, unknown> };
        const user = Variables.DATABASE_USER;
        const mapped = assembly
          .all('AWS::Lambda::EventSourceMapping')
          .filter((one) => String(resolve.value(one.Properties.FunctionName, one.stack)).endsWith(`${functionId}:live`))
          .map((one) => String(resolve.value(one.Properties.EventSourceArn, one.stack)));
        return [
          need('logs:CreateLogStream', stream),
          need('logs:PutLogEvents', stream),
          need('xray:PutTraceSegments', '*'),
          need('xray:PutTelemetryRecords', '*'),
          ...(Properties.VpcConfig === undefined ? [] : networkNeeds(need)),
          ...(user === undefined ? [] : [need('rds-db:connect', loginArn(String(resolve.value(user, stack))))]),
          ...mapped.flatMap((queueArn) => receive(functionId, queueArn)),
        ];
      });
    },
  };
}

/** The resource of an IAM login. */
export const loginArn = (user: string): string => `arn:aws:rds-db:${region}:${account}:dbuser:cluster-ABC/${user}`;

function networkNeeds(need: (action: string, resource: string) => Need): Need[] {
  const eni = `arn:aws:ec2:${region}:${account}:network-interface/eni-1`;
  return [
    ...['Create', 'Delete'].map((verb) => need(`ec2:${verb}NetworkInterface`, eni)),
    ...['Assign', 'Unassign'].map((verb) => need(`ec2:${verb}PrivateIpAddresses`, eni)),
    need('ec2:DescribeNetworkInterfaces', '*'),
    need('ec2:DescribeSubnets', '*'),
  ];
}

function unknown(what: string): never {
  throw new Error(`no one has said yet which IAM actions ${what} needs`);
}
