/** Access: who may do what. The authorizer, the admin verbs, and the bootstrap of a new installation. */
import { Construct } from 'constructs';
import type { DataStack } from '../data-stack.ts';
import { databaseAddress, speaksPostgres } from '../parts/database-env.ts';
import { allow, type Inside, makeVerb, type Place, type Verb } from '../parts/function.ts';
import { notify, readObjects, rootSecret, rootSecretParameter, send, writeObjects } from '../parts/grants.ts';

export interface AccessProps extends Place {
  readonly data: DataStack;
  readonly inside: Inside;
}

export class Access extends Construct {
  readonly authenticate: Verb;
  readonly tenants: Verb;
  readonly issuers: Verb;
  readonly keys: Verb;
  readonly projects: Verb;
  readonly policy: Verb;
  readonly roles: Verb;
  readonly permissions: Verb;
  readonly assignments: Verb;
  readonly check: Verb;
  readonly breakGlass: Verb;
  readonly whoami: Verb;
  readonly bootstrap: Verb;

  constructor(scope: Construct, id: string, props: AccessProps) {
    super(scope, id);
    const { data, settings } = props;
    const control = { CONTROL_BUCKET: data.control.bucketName };
    const published = (...prefixes: string[]) => writeObjects(data, data.control, ...prefixes);

    this.authenticate = makeVerb(this, 'Authenticate', props, {
      bundle: 'access-authenticate',
      memoryMb: 512,
      // Two documents of an issuer, at most three seconds each; API Gateway waits ten.
      timeoutSeconds: 10,
      canary: true,
      environment: control,
      permissions: readObjects(data, data.control, 'keys/', 'issuers/'),
    });

    const database = speaksPostgres(data, settings.stage, props.inside);
    const admin = {
      memoryMb: 512,
      timeoutSeconds: 29,
      canary: true,
      inside: database.inside,
      environment: { ...database.environment, ...control },
    };
    // They record what they change, as events of the critical tier.
    const recording = {
      environment: {
        ...admin.environment,
        CRITICAL_QUEUE_URL: data.critical.queueUrl,
        BULK_QUEUE_URL: data.bulk.queueUrl,
      },
      permissions: [...database.permissions, ...send(data.critical)],
    };
    this.tenants = makeVerb(this, 'Tenants', props, {
      ...admin,
      environment: recording.environment,
      bundle: 'access-tenants',
      permissions: [...recording.permissions, ...published('keys/', 'tenants/')],
    });
    this.issuers = makeVerb(this, 'Issuers', props, {
      ...admin,
      bundle: 'access-issuers',
      permissions: [...database.permissions, ...published('issuers/')],
    });
    this.keys = makeVerb(this, 'Keys', props, {
      ...admin,
      environment: recording.environment,
      bundle: 'access-keys',
      permissions: [...recording.permissions, ...published('keys/')],
    });
    this.projects = makeVerb(this, 'Projects', props, {
      ...admin,
      bundle: 'access-projects',
      environment: database.environment,
      permissions: database.permissions,
    });
    this.policy = makeVerb(this, 'Policy', props, {
      ...admin,
      environment: recording.environment,
      bundle: 'access-policy',
      permissions: [...recording.permissions, ...published('tenants/')],
    });
    const granting = {
      ...admin,
      environment: {
        ...database.environment,
        CRITICAL_QUEUE_URL: data.critical.queueUrl,
        BULK_QUEUE_URL: data.bulk.queueUrl,
      },
      permissions: [...database.permissions, ...send(data.critical)],
    };
    this.roles = makeVerb(this, 'Roles', props, { ...granting, bundle: 'access-roles' });
    this.permissions = makeVerb(this, 'Permissions', props, { ...granting, bundle: 'access-permissions' });
    this.assignments = makeVerb(this, 'Assignments', props, { ...granting, bundle: 'access-assignments' });
    // Between a host application and its user; memory is also processor time.
    this.check = makeVerb(this, 'Check', props, {
      ...admin,
      memoryMb: 1024,
      bundle: 'access-check',
      environment: database.environment,
      permissions: database.permissions,
    });
    this.breakGlass = makeVerb(this, 'BreakGlass', props, {
      ...admin,
      bundle: 'access-break-glass',
      environment: {
        ...database.environment,
        CRITICAL_QUEUE_URL: data.critical.queueUrl,
        BULK_QUEUE_URL: data.bulk.queueUrl,
        NOTICE_TOPIC_ARN: data.notices.topicArn,
      },
      permissions: [...database.permissions, ...send(data.critical), ...notify(data)],
    });
    this.whoami = makeVerb(this, 'Whoami', props, {
      bundle: 'access-whoami',
      memoryMb: 512,
      timeoutSeconds: 10,
      canary: true,
      environment: {},
      permissions: [],
    });

    // IAM logins do not exist before the first migration, so this one reads the master user's secret.
    // It also makes the first admin key, as the application's role.
    this.bootstrap = makeVerb(this, 'Bootstrap', props, {
      bundle: 'access-bootstrap',
      memoryMb: 512,
      timeoutSeconds: 300,
      inside: database.inside,
      environment: {
        ...databaseAddress(data),
        ...database.environment,
        ...control,
        DATABASE_MASTER_SECRET_ARN: data.masterSecretArn,
        ...(data.shards.length === 0
          ? {}
          : { DATABASE_SHARD_SECRET_ARNS: data.shards.map((shard) => shard.masterSecretArn).join(',') }),
        ROOT_SECRET_PARAMETER: rootSecretParameter(settings.stage),
      },
      permissions: [
        ...database.permissions,
        ...rootSecret(data, settings.stage, 'ssm:PutParameter'),
        ...published('keys/'),
        allow(
          ['secretsmanager:GetSecretValue'],
          [data, ...data.shards].map((one) => one.masterSecretArn),
        ),
      ],
    });
  }
}
