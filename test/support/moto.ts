/** moto, an emulator of AWS that others wrote: an independent oracle, where it is installed. */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { createServer } from 'node:net';

export const motoInstalled = (() => {
  try {
    execFileSync('moto_server', ['--help'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
})();

/** Starts it on a free port; resolves when it answers. */
export async function startMoto(): Promise<{ readonly endpoint: string; readonly stop: () => void }> {
  const port = await freePort();
  const endpoint = `http://127.0.0.1:${port}`;
  const server: ChildProcess = spawn('moto_server', ['-H', '127.0.0.1', '-p', String(port)], { stdio: 'ignore' });
  while (!(await fetch(endpoint).catch(() => undefined))) await new Promise((resolve) => setTimeout(resolve, 100));
  return { endpoint, stop: () => void server.kill() };
}

async function freePort(): Promise<number> {
  const probe = createServer();
  await new Promise<void>((resolve) => probe.listen(0, '127.0.0.1', resolve));
  const { port } = probe.address() as { port: number };
  await new Promise((resolve) => probe.close(resolve));
  return port;
}
