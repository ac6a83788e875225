/** The drivers against moto, an emulator that others wrote: an independent oracle, where it is installed. */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { createServer } from 'node:net';
import { afterAll, beforeAll, describe, test } from 'vitest';
import { driversContract } from './contract/drivers.ts';

const installed = (() => {
  try {
    execFileSync('moto_server', ['--help'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
})();

if (installed) {
  describe('drivers on moto', () => {
    let server: ChildProcess;
    let endpoint = '';
    beforeAll(async () => {
      const port = await freePort();
      endpoint = `http://127.0.0.1:${port}`;
      server = spawn('moto_server', ['-H', '127.0.0.1', '-p', String(port)], { stdio: 'ignore' });
      while (!(await fetch(endpoint).catch(() => undefined))) await new Promise((resolve) => setTimeout(resolve, 100));
    });
    afterAll(() => {
      server.kill();
    });
    // moto 5.2 does not know DeadLetterQueueSourceArn.
    driversContract(() => endpoint, { namesSource: false });
  });
} else {
  test('moto_server is not installed: the drivers were not compared with it', () => {
    console.log('moto_server is not installed (pip install "moto[server]"): drivers not compared');
  });
}

async function freePort(): Promise<number> {
  const probe = createServer();
  await new Promise<void>((resolve) => probe.listen(0, '127.0.0.1', resolve));
  const { port } = probe.address() as { port: number };
  await new Promise((resolve) => probe.close(resolve));
  return port;
}
