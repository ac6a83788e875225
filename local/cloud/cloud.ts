/**
 * The AWS services that Trailkeep uses, on one local port: S3, SQS, SNS, SSM, KMS, Secrets Manager, Athena
 * with its Glue catalogue, EventBridge Scheduler, and the Lambda API. They speak the real protocols to the real SDKs and
 * keep their state in one folder.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join, resolve } from 'node:path';
import { type CallListener, callerOf, type ServiceCall } from '../services.ts';
import { Athena, type ResultPlace } from './athena.ts';
import { AthenaEngine } from './athena-engine.ts';
import { AwsError, type Exchange, notImplemented, type Reply, type Service } from './exchange.ts';
import { Faults } from './faults.ts';
import { Glue } from './glue.ts';
import { Kms } from './kms.ts';
import { LambdaApi } from './lambda-api.ts';
import { S3 } from './s3.ts';
import { SchedulerApi } from './scheduler.ts';
import { Secrets } from './secrets.ts';
import { Sns } from './sns.ts';
import { Sqs } from './sqs.ts';
import { Ssm } from './ssm.ts';

export interface CloudOptions {
  /** State lives below it: `s3/`, `sqs/`, … */
  readonly folder: string;
  /** Any free one when absent or 0. */
  readonly port?: number;
  /** true survives a power cut, false a kill -9; false when absent. */
  readonly fsync?: boolean;
  readonly region?: string;
  readonly accountId?: string;
  /** The clock of retention, restores and timestamps, ms. */
  readonly now?: () => number;
  /** How long a Standard restore from Glacier takes, and a quarter of a Bulk one; five seconds when absent. */
  readonly glacierRestoreMs?: number;
  /** Messages that were held when the last start ended are to be seen at once: for a platform that runs its own receivers. */
  readonly releaseHeld?: boolean;
  /** Hears of every call that was answered. */
  readonly onCall?: CallListener;
}

export interface Cloud {
  /** `http://127.0.0.1:PORT` */
  readonly url: string;
  /** What a process needs in its environment for its SDK clients to come here. */
  readonly env: Readonly<Record<string, string>>;
  readonly s3: S3;
  readonly sqs: Sqs;
  readonly sns: Sns;
  readonly ssm: Ssm;
  readonly kms: Kms;
  readonly secrets: Secrets;
  readonly lambda: LambdaApi;
  readonly glue: Glue;
  readonly athena: Athena;
  readonly scheduler: SchedulerApi;
  readonly faults: Faults;
  /** Ends every call, long polls included, and lets go of the folder. */
  close(): Promise<void>;
}

/** Starts the services on 127.0.0.1. Rejects with EADDRINUSE when the port is taken. */
export async function startCloud(options: CloudOptions): Promise<Cloud> {
  const folder = resolve(options.folder);
  const place = { region: options.region ?? 'eu-west-1', account: options.accountId ?? '000000000000' };
  const { fsync = false, now = Date.now } = options;
  // Listens before it opens anything: a second cloud on the same port must not touch the folder of the first.
  let handle: (exchange: Exchange) => Promise<Reply> = async () => ({ status: 503 });
  const stopping = new AbortController();
  const server = createServer((request, response) => {
    answer(request, response, (exchange) => handle(exchange), stopping.signal).catch(() => response.destroy());
  });
  // An idle client must not find its connection closed in the moment it uses it again.
  server.keepAliveTimeout = 0;
  const url = `http://127.0.0.1:${await listen(server, options.port ?? 0)}`;

  const s3 = new S3({
    folder: join(folder, 's3'),
    fsync,
    account: place.account,
    now,
    glacierRestoreMs: options.glacierRestoreMs ?? 5_000,
  });
  await s3.repair();
  const { releaseHeld = false } = options;
  const sqs = new Sqs({ folder: join(folder, 'sqs'), fsync, base: () => url, releaseHeld, ...place });
  const ssm = new Ssm({ folder: join(folder, 'ssm'), now, ...place });
  const kms = new Kms({ folder: join(folder, 'kms'), now, ...place });
  const secrets = new Secrets();
  const lambda = new LambdaApi({ folder: join(folder, 'lambda'), ...place });
  const sns = new Sns({
    folder: join(folder, 'sns'),
    now,
    ...place,
    targets: {
      toQueue: async (arn, body, attributes) => {
        const delivered = sqs.deliver(arn, body, attributes);
        await sqs.flushed();
        return delivered;
      },
      toFunction: (arn, event) => lambda.start(arn, event),
    },
  });
  const glue = new Glue({ folder: join(folder, 'athena') });
  const engines = new Map<string, AthenaEngine>();
  const athena = new Athena({
    folder: join(folder, 'athena'),
    now,
    results: objectsOf(s3),
    engineOf: (database) => {
      const engine =
        engines.get(database) ??
        new AthenaEngine({
          folder: join(folder, 's3'),
          objects: (bucket, prefix) => s3.objectsIn(bucket, prefix),
          table: (name) => glue.table(database, name),
          now,
        });
      engines.set(database, engine);
      return engine;
    },
  });
  const scheduler = new SchedulerApi({ folder: join(folder, 'scheduler'), now, ...place });
  const services = { s3, sqs, sns, ssm, kms, secrets, lambda, glue, athena, scheduler };
  const faults = new Faults();
  // S3 looks at the ages of objects once a day; a machine that is on for an hour should see it too.
  const lifecycle = setInterval(() => void s3.applyLifecycle().catch(console.error), lifecycleEveryMs).unref();
  await s3.applyLifecycle();
  handle = async (exchange) => {
    if (exchange.rawPath === agePath) return age(s3, exchange);
    const reply = await dispatch(services, faults, exchange);
    options.onCall?.(callOf(services, exchange, reply));
    return reply;
  };

  return {
    url,
    env: environment(url, place.region),
    ...services,
    faults,
    close: async () => {
      stopping.abort();
      clearInterval(lifecycle);
      const closed = new Promise<void>((done) => server.close(() => done()));
      await athena.stop();
      for (const engine of engines.values()) engine.close();
      sqs.stop();
      s3.stop();
      server.closeAllConnections();
      await closed;
    },
  };
}

const lifecycleEveryMs = 3_600_000;
/** No bucket's name begins like this. */
const agePath = '/_local/age';

/** `POST /_local/age?days=400`: what S3 holds becomes so much older, for whoever wants to see what comes of it. */
async function age(s3: S3, { method, query }: Exchange): Promise<Reply> {
  const days = Number(query.get('days'));
  if (method !== 'POST' || !(Number.isInteger(days) && days > 0)) {
    return { status: 400, body: `POST ${agePath}?days=<a whole number of days>\n` };
  }
  return { status: 200, headers: { 'content-type': 'application/json' }, body: JSON.stringify(await s3.age(days)) };
}

type Services = Pick<
  Cloud,
  's3' | 'sqs' | 'sns' | 'ssm' | 'kms' | 'secrets' | 'lambda' | 'glue' | 'athena' | 'scheduler'
>;

/**
 * Who is meant: by the target header, the form that only SNS posts, the path that only Lambda has, the service that a
 * request to Scheduler was signed for (a bucket may be called `schedules`); else S3.
 */
function serviceOf(services: Services, { headers, method, rawPath }: Exchange): Service {
  const target = headers['x-amz-target'];
  if (target?.startsWith('AmazonSQS.')) return services.sqs;
  if (target?.startsWith('AmazonSSM.')) return services.ssm;
  if (target?.startsWith('TrentService.')) return services.kms;
  if (target?.startsWith('secretsmanager.')) return services.secrets;
  if (target?.startsWith('AmazonAthena.')) return services.athena;
  if (target?.startsWith('AWSGlue.')) return services.glue;
  if (target !== undefined) throw notImplemented(target);
  if (rawPath.startsWith('/2015-03-31/')) return services.lambda;
  if (method === 'POST' && headers['content-type']?.startsWith('application/x-www-form-urlencoded')) {
    return services.sns;
  }
  if (/Credential=[^/]+\/\d+\/[^/]+\/scheduler\//.test(headers.authorization ?? '')) return services.scheduler;
  return services.s3;
}

function callOf(services: Services, exchange: Exchange, { status }: Reply): ServiceCall {
  const service = serviceOf(services, exchange);
  return {
    caller: callerOf(exchange.headers, exchange.query),
    service: service.name,
    operation: service.operationOf(exchange),
    path: exchange.rawPath,
    query: exchange.query,
    body: exchange.body.toString(),
    status,
  };
}

async function dispatch(services: Services, faults: Faults, exchange: Exchange): Promise<Reply> {
  let service: Service = services.s3;
  try {
    service = serviceOf(services, exchange);
    return await faults.around(service, exchange);
  } catch (error) {
    if (error instanceof AwsError) return service.refuse(error, exchange);
    if (error instanceof URIError) return service.refuse(new AwsError(400, 'InvalidURI', error.message), exchange);
    if (!exchange.signal.aborted) console.error(`local ${service.name}:`, error);
    return service.refuse(new AwsError(500, 'InternalError', String(error)), exchange);
  }
}

/** S3 as a service beside it reads and writes it: by its own protocol. */
function objectsOf(s3: S3): ResultPlace {
  const call = async (method: string, bucket: string, key: string, body: Buffer): Promise<Buffer> => {
    const rawPath = `/${bucket}/${key.split('/').map(encodeURIComponent).join('/')}`;
    const signal = new AbortController().signal;
    const reply = await s3.handle({ method, rawPath, query: new URLSearchParams(), headers: {}, body, signal });
    return Buffer.from(reply.body ?? '');
  };
  return {
    put: async (bucket, key, body) => void (await call('PUT', bucket, key, body)),
    get: (bucket, key) => call('GET', bucket, key, Buffer.alloc(0)),
  };
}

/** Reads a request whole, and writes its reply. */
async function answer(
  request: IncomingMessage,
  response: ServerResponse,
  handle: (exchange: Exchange) => Promise<Reply>,
  stopping: AbortSignal,
): Promise<void> {
  const chunks: Buffer[] = [];
  for await (const chunk of request as AsyncIterable<Buffer>) chunks.push(chunk);
  const left = new AbortController();
  const leave = () => left.abort();
  response.once('close', leave);
  stopping.addEventListener('abort', leave, { once: true });
  // The path stays as it came: WHATWG URL would resolve `..` in the key of an object.
  const raw = request.url ?? '/';
  const mark = raw.indexOf('?');
  const reply = await handle({
    method: request.method ?? 'GET',
    rawPath: mark < 0 ? raw : raw.slice(0, mark),
    query: new URLSearchParams(mark < 0 ? '' : raw.slice(mark + 1)),
    headers: request.headers as Record<string, string>,
    body: chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks),
    signal: left.signal,
  });
  stopping.removeEventListener('abort', leave);
  if (response.destroyed) return;
  const requestId = crypto.randomUUID();
  const { body } = reply;
  response.writeHead(reply.status, {
    'x-amz-request-id': requestId,
    'x-amzn-requestid': requestId,
    ...(body === undefined ? {} : { 'content-length': Buffer.byteLength(body) }),
    ...(body === undefined && reply.status !== 204 && reply.status !== 304 && request.method !== 'HEAD'
      ? { 'content-length': 0 }
      : {}),
    ...reply.headers,
  });
  response.end(request.method === 'HEAD' ? undefined : body);
}

function listen(server: Server, port: number): Promise<number> {
  return new Promise((done, failed) => {
    server.once('error', failed);
    server.listen(port, '127.0.0.1', () => {
      server.off('error', failed);
      done((server.address() as AddressInfo).port);
    });
  });
}

const environment = (url: string, region: string): Record<string, string> => ({
  ...Object.fromEntries(
    ['S3', 'SQS', 'SNS', 'SSM', 'KMS', 'LAMBDA', 'SECRETS_MANAGER', 'ATHENA', 'SCHEDULER'].map((service) => [
      `AWS_ENDPOINT_URL_${service}`,
      url,
    ]),
  ),
  AWS_REGION: region,
  AWS_ACCESS_KEY_ID: 'local',
  AWS_SECRET_ACCESS_KEY: 'local',
});
