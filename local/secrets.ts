/** Secrets Manager, as far as RDS fills it: the master user's secret of each cluster. Everything else answers 501. */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type CallListener, callerOf } from './services.ts';
import type { Loaded } from './template.ts';

export interface Secrets {
  readonly url: string;
  stop(): Promise<void>;
}

/** Serves `{username, password}` of every cluster; the local PostgreSQL asks for no password. */
export async function startSecrets(loaded: Loaded, onCall?: CallListener): Promise<Secrets> {
  const secrets = new Map(
    loaded.of('AWS::RDS::DBCluster').map(({ attributes, properties }) => {
      const secret = { username: String(properties.MasterUsername ?? 'postgres'), password: 'local' };
      return [attributes['MasterUserSecret.SecretArn']!, JSON.stringify(secret)] as const;
    }),
  );
  const server = createServer(async (request, response) => {
    const chunks: Uint8Array[] = [];
    for await (const chunk of request as AsyncIterable<Uint8Array>) chunks.push(chunk);
    const body = Buffer.concat(chunks).toString();
    const target = String(request.headers['x-amz-target']);
    const answer = (status: number, reply: object) => {
      const [service = '', operation = ''] = target.split('.');
      const [path, query] = [request.url ?? '/', new URLSearchParams()];
      onCall?.({ caller: callerOf(request.headers), service, operation, path, query, body, status });
      response.writeHead(status, { 'content-type': 'application/x-amz-json-1.1' });
      response.end(JSON.stringify(reply));
    };
    if (target !== 'secretsmanager.GetSecretValue') {
      answer(501, { __type: 'NotImplemented', message: `${target} is not implemented here` });
      return;
    }
    const { SecretId } = JSON.parse(body || '{}') as { SecretId?: string };
    const SecretString = secrets.get(String(SecretId));
    if (SecretString === undefined)
      answer(400, { __type: 'ResourceNotFoundException', message: `no secret ${SecretId}` });
    else answer(200, { ARN: SecretId, SecretString, VersionStages: ['AWSCURRENT'] });
  });
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    stop: () =>
      new Promise((done) => {
        server.close(() => done());
        server.closeAllConnections();
      }),
  };
}
