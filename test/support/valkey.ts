/** A real Valkey (or Redis) for tests: a server of its own on a free port, in a folder that goes with it. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connectValkey, type ValkeyClient } from '#stores/valkey/connect.ts';

/** The server's command, or undefined: then the tests say that they are skipped. */
export const valkeyCommand: string | undefined = ['valkey-server', 'redis-server'].find(
  (command) => spawnSync(command, ['--version']).status === 0,
);

export interface TestValkey {
  readonly port: number;
  readonly endpoint: string;
  connect(): ValkeyClient;
  /** Stops the process where it stands, as a node does that hangs; and lets it go on. */
  freeze(): void;
  thaw(): void;
  stop(): Promise<void>;
}

/** Starts one; with `cluster` it owns all slots, so that keys of one script must share one. */
export async function startValkey(options: { readonly cluster?: boolean } = {}): Promise<TestValkey> {
  if (!valkeyCommand) throw new Error('there is no valkey-server or redis-server');
  const { cluster = false } = options;
  const port = await freePort();
  const folder = mkdtempSync(join(tmpdir(), 'trailkeep-valkey-'));
  const server = spawn(
    valkeyCommand,
    [
      ...['--port', `${port}`, '--bind', '127.0.0.1', '--dir', folder, '--save', '', '--appendonly', 'no'],
      ...(cluster ? ['--cluster-enabled', 'yes', '--cluster-announce-ip', '127.0.0.1'] : []),
    ],
    { stdio: ['ignore', 'pipe', 'inherit'] },
  );
  await ready(server);
  const plain = { host: '127.0.0.1', port, tls: false, cluster: false };
  const clients: ValkeyClient[] = [];
  const connect = (asCluster: boolean) => {
    const client = connectValkey({ ...plain, cluster: asCluster });
    clients.push(client);
    return client;
  };
  if (cluster) {
    const admin = connect(false);
    await admin.call('CLUSTER', 'ADDSLOTSRANGE', '0', '16383');
    while (!String(await admin.call('CLUSTER', 'INFO')).includes('cluster_state:ok')) {
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }
  return {
    port,
    endpoint: `valkey://127.0.0.1:${port}`,
    connect: () => connect(cluster),
    freeze: () => void server.kill('SIGSTOP'),
    thaw: () => void server.kill('SIGCONT'),
    stop: async () => {
      for (const client of clients) client.disconnect();
      if (server.exitCode === null) {
        const ended = new Promise((resolve) => server.once('exit', resolve));
        server.kill('SIGKILL');
        await ended;
      }
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

async function freePort(): Promise<number> {
  // A cluster's node also takes the port 10,000 above.
  for (;;) {
    const probe = createServer();
    await new Promise<void>((resolve) => probe.listen(0, '127.0.0.1', resolve));
    const { port } = probe.address() as AddressInfo;
    await new Promise((resolve) => probe.close(resolve));
    if (port < 55_000) return port;
  }
}

/** Resolves when the server says that it accepts connections. */
function ready(server: ChildProcess): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.once('exit', (code) => reject(new Error(`valkey ended with ${code}`)));
    server.stdout!.on('data', (chunk) => {
      if (/ready to accept connections/i.test(String(chunk))) resolve();
    });
  });
}
