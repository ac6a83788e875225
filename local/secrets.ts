/** Secrets Manager, as far as RDS fills it: the master user's secret of each cluster. Everything else answers 501. */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Loaded } from './template.ts';

export interface Secrets {
  readonly url: string;
  stop(): Promise<void>;
}

/** Serves `{username, password}` of every cluster; the local PostgreSQL asks for no password. */
export async function startSecrets(loaded: Loaded): Promise<Secrets> {
  const secrets = new Map(
    loaded.of('AWS::RDS::DBCluster').map(({ attributes, properties }) => {
      const secret = { username: String(properties.MasterUsername ?? 'postgres'), password: 'local' };
      return [attributes['MasterUserSecret.SecretArn']!, JSON.stringify(secret)] as const;
    }),
  );
  const server = createServer(async (request, response) => {
    const chunks: Uint8Array[] = [];
    for await (const chunk of request as AsyncIterable<Uint8Array>) chunks.push(chunk);
    const answer = (status: number, body: object) => {
      response.writeHead(status, { 'content-type': 'application/x-amz-json-1.1' });
      response.end(JSON.stringify(body));
    };
    const target = String(request.headers['x-amz-target']);
    if (target !== 'secretsmanager.GetSecretValue') {
      answer(501, { __type: 'NotImplemented', message: `${target} is not implemented here` });
      return;
    }
    const { SecretId } = JSON.parse(Buffer.concat(chunks).toString() || '{}') as { SecretId?: string };
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
