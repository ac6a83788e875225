/**
 * The whole platform on this machine: PostgreSQL, the AWS services, and everything the synthesized template
 * declares. State lives in one folder and survives a restart.
 */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { compileCacheFolder, readAssembly } from './assembly.ts';
import { readFunctions, readMapping, readMappings } from './function-specs.ts';
import { startGateway } from './gateway/server.ts';
import { type LocalIssuer, startIssuer } from './issuer.ts';
import { Lambda } from './lambda.ts';
import { lockFolder } from './lock.ts';
import { type Mapping, Poller } from './poller.ts';
import { type LocalPostgres, startPostgres } from './postgres.ts';
import { prepareDatabase, provision } from './provision.ts';
import { readSchedules, Scheduler, scheduleOf } from './scheduler.ts';
import { startSecrets } from './secrets.ts';
import type { CallListener, FunctionHost, Services, StartServices } from './services.ts';
import { Sqs } from './sqs-client.ts';
import { loadTemplates } from './template.ts';
import { introduce, splitApis } from './witness.ts';

export const region = 'eu-west-1';
export const account = '000000000000';

export interface PlatformOptions {
  /** Where all state lives. */
  readonly folder: string;
  /** Resolves with the folder of the synthesized assembly. */
  readonly assembly: () => Promise<string>;
  readonly startServices: StartServices;
  /** First port to try for the API: 4600 when absent, 0 for any. */
  readonly port?: number;
  readonly now?: () => number;
  /** false turns fsync off: for tests. */
  readonly durable?: boolean;
  /** One line when a function crashes. */
  readonly notice?: (line: string) => void;
  /** false leaves the schedules out, so that a test runs them when it wants. */
  readonly schedules?: boolean;
  /** false hands a batch over as soon as its queue is empty, whatever window the mapping has: for tests. */
  readonly batchingWindows?: boolean;
  /** Hears of every call that the local AWS services answered, with who made it. */
  readonly onCall?: CallListener;
}

export interface Functions {
  readonly names: readonly string[];
  /** Runs a function by the name of its bundle (`access-bootstrap`) or its physical name. Throws FunctionError. */
  invoke(name: string, payload: unknown): Promise<unknown>;
  /** Ends every worker of a function at once; resolves with how many there were. */
  kill(name: string): Promise<number>;
}

export interface Platform {
  readonly folder: string;
  /** `http://127.0.0.1:4600` */
  readonly apiUrl: string;
  /** Where the witness answers, when the template has one. */
  readonly witnessUrl: string | undefined;
  /** Vouches for whoever asks; first-run.ts registers it. */
  readonly issuer: LocalIssuer;
  readonly postgres: LocalPostgres;
  readonly services: Services;
  readonly sqs: Sqs;
  readonly functions: Functions;
  /** Resolves when every mapped queue is empty and nothing runs; rejects when that takes too long. */
  settled(timeoutMs?: number): Promise<void>;
  /** Stops everything: what runs may finish, nothing new starts. Stopping twice does no harm. */
  stop(): Promise<void>;
}

/** Starts everything. Whatever was started is stopped again when a later part fails. */
export async function startPlatform(options: PlatformOptions): Promise<Platform> {
  const folder = resolve(options.folder);
  const unlock = lockFolder(folder);
  const undo: (() => unknown)[] = [unlock];
  let stopping: Promise<void> | undefined;
  const stop = () => {
    stopping ??= (async () => {
      for (const step of undo.reverse()) await step();
    })();
    return stopping;
  };
  try {
    return await assemble({ ...options, folder }, undo, stop);
  } catch (error) {
    await stop().catch(() => {});
    throw error;
  }
}

async function assemble(
  options: PlatformOptions,
  undo: (() => unknown)[],
  stop: () => Promise<void>,
): Promise<Platform> {
  const { folder } = options;
  // The Lambda API answers before the functions are known; nobody calls it that early.
  let lambda: Lambda | undefined;
  const functions: FunctionHost = {
    invokeText: async (reference, event) => must(lambda).invokeText(reference, event),
    invokeAsync: (reference, event) => must(lambda).invokeAsync(reference, event),
  };
  const started = await Promise.allSettled([
    startPostgres({ folder: join(folder, 'postgres'), durable: options.durable ?? true }).then((server) => {
      undo.push(() => server.stop());
      return server;
    }),
    startServices(options, functions).then((services) => {
      undo.push(() => services.stop());
      return services;
    }),
    options.assembly(),
  ]);
  const failed = started.find((one) => one.status === 'rejected');
  if (failed) throw failed.reason;
  const [postgres, services, assembly] = started.map((one) => (one as { value: unknown }).value) as [
    LocalPostgres,
    Services,
    string,
  ];

  const sqs = new Sqs(services.endpoints.sqs, account, region);
  const loaded = loadTemplates(readAssembly(assembly), {
    region,
    account,
    queueBase: services.endpoints.sqs,
    databaseHost: postgres.host,
    databasePort: postgres.port,
  });
  const secrets = await startSecrets(loaded, options.onCall);
  undo.push(() => secrets.stop());
  await Promise.all([prepareDatabase(loaded, postgres), provision(loaded, services.endpoints, sqs)]);

  const apis = splitApis(loaded);
  const at = (port: number) => ({ loaded, region, account, port });
  const nextTo = (offset: number) => (options.port === 0 ? 0 : (options.port ?? 4600) + offset);
  // It stands before the functions, because they are told where it is.
  const witness = apis.witness
    ? await startGateway({
        ...at(nextTo(2)),
        rest: apis.witness,
        lambda: {
          invoke: async (reference, event) => must(lambda).invoke(reference, event),
          invokeText: async (reference, event) => must(lambda).invokeText(reference, event),
        },
      })
    : undefined;
  if (witness) undo.push(() => witness.stop());

  const specs = readFunctions(loaded, endpointVariables(services, secrets.url), {
    ...(witness ? await introduce(loaded, services.endpoints.kms, region, witness.url) : {}),
    DATABASE_PORT: String(postgres.port),
    // The SDK refuses to combine dual-stack hosts with an endpoint of one's own.
    AWS_USE_DUALSTACK_ENDPOINT: 'false',
  });
  const bury = (queueArn: string, body: string, reason: string) => sqs.send(sqs.urlOf(queueArn), body, { reason });
  const host = new Lambda(specs, {
    logFolder: join(folder, 'logs'),
    compileCache: join(assembly, compileCacheFolder),
    region,
    ...(options.notice ? { notice: options.notice } : {}),
    onFailure: (arn, record) => bury(arn, JSON.stringify(record), 'RetriesExhausted').catch(() => {}),
  });
  lambda = host;
  undo.push(() => host.stop());

  const pollers = new Map<string, Poller>();
  const poll = (mapping: Mapping) => {
    const key = `${mapping.queueArn} ${mapping.functionArn}`;
    if (pollers.has(key)) return;
    const given = options.batchingWindows === false ? { ...mapping, windowSeconds: 0 } : mapping;
    pollers.set(key, new Poller(given, sqs, host));
  };
  const limit = (functionArn: string) => host.concurrencyOf(functionArn);
  undo.push(() => Promise.all([...pollers.values()].map((poller) => poller.stop())));
  for (const mapping of readMappings(loaded, limit)) poll(mapping);
  services.onMapping((mapping) => poll(readMapping(mapping.UUID ?? 'mapping', mapping, limit)));

  const schedules = options.schedules === false ? [] : readSchedules(loaded, (options.now ?? Date.now)());
  const scheduler = new Scheduler(schedules, {
    deliver: (arn, input) => host.invokeAsync(arn, input),
    bury,
    ...(options.now ? { now: options.now } : {}),
  });
  undo.push(() => scheduler.stop());
  if (options.schedules !== false) {
    services.onSchedule((key, made) => {
      const schedule = made && scheduleOf(key, made, () => services.scheduleCompleted(key));
      if (schedule) scheduler.put(schedule);
      else scheduler.drop(key);
    });
  }

  const gateway = await startGateway({ ...at(nextTo(0)), rest: apis.others[0], lambda: host });
  if (gateway) undo.push(() => gateway.stop());

  const issuer = await startIssuer({
    folder,
    port: nextTo(1),
    ...(options.now ? { now: options.now } : {}),
  });
  undo.push(() => issuer.stop());

  const busy = async () => {
    const working = host.busy || scheduler.busy || (gateway?.inFlight ?? 0) > 0 || (witness?.inFlight ?? 0) > 0;
    if (working || [...pollers.values()].some((poller) => poller.busy)) return true;
    const depths = await Promise.all([...pollers.values()].map(({ url }) => sqs.depth(url)));
    return depths.some((depth) => depth > 0);
  };
  return {
    folder,
    apiUrl: gateway?.url ?? '',
    witnessUrl: witness?.url,
    issuer,
    postgres,
    services,
    sqs,
    functions: functionsOf(host),
    settled: (timeoutMs = 30_000) => settle(busy, timeoutMs),
    stop,
  };
}

function must(lambda: Lambda | undefined): Lambda {
  if (!lambda) throw new Error('the functions are not started yet');
  return lambda;
}

/** Starts the services on the port they had last time, because queue URLs that were handed out hold it. */
async function startServices(
  { folder, startServices: start, onCall }: PlatformOptions,
  functions: FunctionHost,
): Promise<Services> {
  const file = join(folder, 'services.json');
  const before = existsSync(file) ? (JSON.parse(readFileSync(file, 'utf8')) as { port: number }).port : 0;
  const at = (port: number) => start({ folder, port, region, account, functions, onCall });
  mkdirSync(folder, { recursive: true });
  const services = await at(before).catch((error: NodeJS.ErrnoException) => {
    if (before === 0 || error.code !== 'EADDRINUSE') throw error;
    return at(0);
  });
  writeFileSync(file, JSON.stringify({ port: Number(new URL(services.endpoints.sqs).port) }));
  return services;
}

/** What differs from the cloud for every function: where the services are, and a database and an issuer without TLS. */
function endpointVariables({ endpoints }: Services, secrets: string): Record<string, string> {
  return {
    AWS_ENDPOINT_URL_S3: endpoints.s3,
    AWS_ENDPOINT_URL_SQS: endpoints.sqs,
    AWS_ENDPOINT_URL_SNS: endpoints.sns,
    AWS_ENDPOINT_URL_SSM: endpoints.ssm,
    AWS_ENDPOINT_URL_KMS: endpoints.kms,
    AWS_ENDPOINT_URL_LAMBDA: endpoints.lambda,
    AWS_ENDPOINT_URL_ATHENA: endpoints.athena,
    AWS_ENDPOINT_URL_SCHEDULER: endpoints.scheduler,
    AWS_ENDPOINT_URL_SECRETS_MANAGER: secrets,
    PGSSLMODE: 'disable',
    OIDC_PLAINTEXT_HOSTS: '127.0.0.1',
    OUTSIDE_PLAINTEXT_HOSTS: '127.0.0.1',
  };
}

/** Finds functions by the name of their bundle: `access-bootstrap` is in the physical name, however it is spelled. */
function functionsOf(lambda: Lambda): Functions {
  const letters = (text: string) => text.toLowerCase().replace(/[^a-z0-9]/g, '');
  const find = (name: string) => {
    if (lambda.find(name)) return name;
    const verb = name.slice(name.indexOf('-') + 1);
    // The logical id ends in a hash, which tells `anchor` from `anchor-sweep`.
    const tests = [name, verb]
      .map(letters)
      .flatMap((wanted) => [new RegExp(`${wanted}[0-9a-f]{8}$`), new RegExp(wanted)]);
    for (const wanted of tests) {
      const [found, another] = lambda.names.filter((one) => wanted.test(letters(one)));
      if (found !== undefined && another === undefined) return found;
    }
    throw new Error(`no single function is called ${name}; there are: ${lambda.names.join(', ')}`);
  };
  return {
    names: lambda.names,
    invoke: async (name, payload) => lambda.invoke(find(name), payload),
    kill: async (name) => lambda.kill(find(name)),
  };
}

/** Quiet twice in a row: between two looks a message may be on its way from one place to the next. */
async function settle(busy: () => Promise<boolean>, timeoutMs: number): Promise<void> {
  const until = Date.now() + timeoutMs;
  for (let quiet = 0; quiet < 2; ) {
    quiet = (await busy()) ? 0 : quiet + 1;
    if (quiet < 2 && Date.now() > until) throw new Error(`the platform was still busy after ${timeoutMs} ms`);
    if (quiet < 2) await sleep(25);
  }
}
