/**
 * The whole API in this process: the gateway's routes and authorizer in front of the handlers that deploy, real
 * PostgreSQL and the local cloud behind them. Ten thousand requests take seconds here.
 */
import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { App } from 'aws-cdk-lib';
import { vi } from 'vitest';
import { sealLog } from '#functions/proof/seal.ts';
import { featureFlags } from '#lib/feature-flags.ts';
import { addPlatform } from '#lib/platform.ts';
import { settingsOf } from '#lib/settings.ts';
import { readAssembly } from '#local/assembly.ts';
import { findEntries } from '#local/bundle.ts';
import { startCloud } from '#local/cloud/cloud.ts';
import { startGateway } from '#local/gateway/server.ts';
import { FunctionError } from '#local/invocation.ts';
import { startIssuer } from '#local/issuer.ts';
import type { Lambda } from '#local/lambda.ts';
import { account, region } from '#local/platform.ts';
import { provision } from '#local/provision.ts';
import { Sqs } from '#local/sqs-client.ts';
import { type Loaded, loadTemplates } from '#local/template.ts';
import { createLogLedger } from '#stores/postgres/logs.ts';
import { putContextKey } from '#stores/postgres/migrate.ts';
import { costsMaker } from '#test/support/costs.ts';
import { MemoryAnchors, MemorySigner } from '#test/support/memory-log.ts';
import { testDatabase } from '#test/support/postgres.ts';

export interface Answer {
  readonly status: number;
  readonly text: string;
  readonly requestId: string;
  // biome-ignore lint/suspicious/noExplicitAny: answers of every shape
  readonly json: any;
}

export interface Call {
  readonly method: string;
  readonly path: string;
  readonly authorization?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
}

export type World = Awaited<ReturnType<typeof startWorld>>;

type Handler = (event: unknown, context: unknown) => Promise<unknown>;
const root = join(import.meta.dirname, '../../..');
const pascal = (name: string) => name.replace(/(?:^|-)([a-z])/g, (_, letter: string) => letter.toUpperCase());

export async function startWorld() {
  const folder = mkdtempSync(join(tmpdir(), 'trailkeep-confusions-'));
  const cloud = await startCloud({ folder: join(folder, 'cloud'), region, accountId: account });
  const db = await testDatabase('confusions');
  const loaded = templates(join(folder, 'cdk.out'), cloud.url, db);
  const { url } = cloud;
  const sqs = new Sqs(url, account, region);
  await provision(
    loaded,
    { s3: url, sqs: url, sns: url, ssm: url, kms: url, lambda: url, athena: url, scheduler: url },
    sqs,
  );
  const local = { AWS_USE_DUALSTACK_ENDPOINT: 'false', OIDC_PLAINTEXT_HOSTS: '127.0.0.1' };
  Object.assign(process.env, environmentOf(loaded), cloud.env, db.env, local);
  /** One vouches for people of both tenants, the other is the attacker's own. */
  const issuers = {
    shared: await startIssuer({ folder: join(folder, 'shared'), port: 0 }),
    own: await startIssuer({ folder: join(folder, 'own'), port: 0 }),
  };

  // Imported only now: what they open, they open by the environment.
  const { logger } = await import('#functions/runtime/observe.ts');
  const refused = new Map<string, string>();
  vi.spyOn(logger, 'info').mockImplementation((message, ...[detail]) => {
    const { requestId, code } = (detail ?? {}) as { requestId?: string; code?: string };
    if (message === 'refused' && requestId !== undefined) refused.set(requestId, String(code));
  });
  const open = await import('#functions/runtime/open.ts');
  const { bootstrap } = await import('#functions/access/bootstrap.deploy.ts');
  const { adminKey } = await bootstrap(
    {
      rootSecret: open.openRootSecret(),
      migrator: { apply: async () => [], adoptContextKey: (key) => putContextKey(db.ownerSql, key) },
      contextKey: open.openContextKey,
      keys: open.openKeys,
      publisher: open.openPublisher(),
      ids: open.openIds(),
      sha256: open.openSha256(),
    },
    null,
    { now: new Date() },
  );

  const handlers = handlersOf(loaded);
  const invoke = async (arn: string, event: object): Promise<unknown> => {
    const handler = await handlers(arn);
    try {
      return await handler(event, { getRemainingTimeInMillis: () => 29_000, awsRequestId: 'request' });
    } catch (error) {
      const { name, message } = error as Error;
      throw new FunctionError(arn, { errorType: name, errorMessage: message });
    }
  };
  const lambda = {
    invoke,
    invokeText: async (arn: string, event: string) => JSON.stringify(await invoke(arn, JSON.parse(event))),
  };
  const gateway = (await startGateway({ loaded, lambda: lambda as unknown as Lambda, region, account, port: 0 }))!;

  return {
    db,
    cloud,
    adminKey: adminKey!,
    routes: gateway.routes.all,
    issuers: { shared: issuers.shared.url, own: issuers.own.url },
    /** Code of the trace of a refusal, by request id. */
    refused,
    call: (one: Call) => callAt(gateway.url, one),
    /** Works off the queues, as Lambda's pollers do. */
    drain: () => drain(loaded, sqs, invoke),
    seal: (tenant: string) => seal(db, tenant),
    /** Costs of one application of this name; its number. */
    async costs(tenant: string, name: string): Promise<number> {
      const maker = await costsMaker(db.ownerSql, tenant);
      const application = await maker.application(name);
      await maker.map(application, { sector: `${name} sector`, owner: `${name} owner`, h_code: `${name} code` });
      await maker.load([{ day: new Date().toISOString().slice(0, 10), application, billed: '10.25' }]);
      return application;
    },
    async end() {
      await gateway.stop();
      await Promise.all([issuers.shared.stop(), issuers.own.stop()]);
      await db.drop();
      await cloud.close();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

function templates(outdir: string, queueBase: string, { host, port }: { host: string; port: number }): Loaded {
  const app = new App({
    context: featureFlags,
    outdir,
    analyticsReporting: false,
    builtinCloudFormationValidation: false,
  });
  addPlatform(app, settingsOf('dev'), 'stub');
  app.synth();
  return loadTemplates(readAssembly(outdir), { region, account, queueBase, databaseHost: host, databasePort: port });
}

function environmentOf(loaded: Loaded): Record<string, string> {
  const all = loaded.of('AWS::Lambda::Function').map(({ properties }) => {
    const { Variables = {} } = (properties.Environment ?? {}) as { Variables?: Record<string, string> };
    return Variables;
  });
  return Object.assign({}, ...all);
}

/** The handler behind a function's ARN, from its source. */
function handlersOf(loaded: Loaded): (arn: string) => Promise<Handler> {
  const sources = new Map(Object.entries(findEntries(root)).map(([name, source]) => [pascal(name), source]));
  const ids = new Map(loaded.of('AWS::Lambda::Function').map(({ id, attributes }) => [attributes.ref, id]));
  const imported = new Map<string, Promise<Handler>>();
  return (arn) => {
    const id = ids.get(arn.startsWith('arn:') ? arn.split(':')[6]! : arn.split(':')[0]!);
    // Logical ids end with eight digits of a hash.
    const source = id && sources.get(id.slice(0, -8));
    if (source === undefined) throw new Error(`no function in functions/ is called like ${id} (${arn})`);
    const found = imported.get(source) ?? import(source).then(({ handler }: { handler: Handler }) => handler);
    imported.set(source, found);
    return found;
  };
}

async function callAt(url: string, { method, path, authorization, headers, body }: Call): Promise<Answer> {
  const response = await fetch(url + path, {
    method,
    headers: {
      ...(authorization === undefined ? {} : { authorization }),
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      ...headers,
    },
    ...(body === undefined ? {} : { body }),
  });
  const text = await response.text();
  return {
    status: response.status,
    text,
    requestId: response.headers.get('x-request-id') ?? '',
    get json() {
      return text === '' ? undefined : JSON.parse(text);
    },
  };
}

/** Seals a tenant's log as the sealer's own login, which the functions of this one process do not share. */
async function seal(db: Awaited<ReturnType<typeof testDatabase>>, tenant: string): Promise<void> {
  const open = await import('#functions/runtime/open.ts');
  const sealer = db.login('trailkeep_sealer');
  const ports = {
    ...{ ledger: createLogLedger(sealer, await open.openContextKey()), logs: open.openLogStore() },
    ...{ signer: new MemorySigner(), crypto: open.openProofCrypto(), anchors: new MemoryAnchors() },
    ...{ recorder: { record: async () => {} }, host: 'trailkeep.test', witnessKeys: [] },
    ...{ newSlug: () => base32(randomBytes(26)), clock: () => new Date() },
  };
  const { state } = await sealLog(ports, tenant, new Date());
  if (state !== 'sealed') throw new Error(`the log of ${tenant} is ${state}`);
}

const base32 = (bytes: Uint8Array) => [...bytes].map((byte) => 'abcdefghijklmnopqrstuvwxyz234567'[byte % 32]).join('');

/** Queues of those who work with logins of their own. */
const othersQueues = /seal|anchor/i;

async function drain(loaded: Loaded, sqs: Sqs, invoke: (arn: string, event: object) => Promise<unknown>) {
  for (const { properties } of loaded.of('AWS::Lambda::EventSourceMapping')) {
    const queueArn = String(properties.EventSourceArn);
    if (othersQueues.test(queueArn)) continue;
    const queue = sqs.urlOf(queueArn);
    for (;;) {
      const messages = await sqs.receive(queue, 10, 0, new AbortController().signal);
      if (messages.length === 0) break;
      const Records = messages.map(({ MessageId, Body, Attributes }) => ({
        messageId: MessageId,
        body: Body,
        attributes: { ApproximateReceiveCount: '1', SentTimestamp: String(Date.now()), ...Attributes },
        eventSourceARN: queueArn,
      }));
      const { batchItemFailures } = (await invoke(String(properties.FunctionName), { Records })) as {
        batchItemFailures: unknown[];
      };
      if (batchItemFailures.length > 0) throw new Error(`${queueArn}: ${batchItemFailures.length} not written`);
      await sqs.delete(queue, messages);
    }
  }
}
