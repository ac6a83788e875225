/** The command line as a child process, as a person runs it. */
import { spawn } from 'node:child_process';
import { resolve } from 'node:path';

export const root = resolve(import.meta.dirname, '../..');
export const fixture = (path: string): string => resolve(root, 'test/fixtures', path);

export interface Ran {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

export function trailkeep(
  args: readonly string[],
  {
    env = {},
    cwd = root,
    input = '',
  }: { readonly env?: Record<string, string>; readonly cwd?: string; readonly input?: string } = {},
): Promise<Ran> {
  const { TRAILKEEP_URL: _url, TRAILKEEP_API_KEY: _key, TRAILKEEP_ADMIN_KEY: _admin, ...rest } = process.env;
  const child = spawn(process.execPath, [resolve(root, 'bin/trailkeep.mjs'), ...args], {
    cwd,
    env: { ...rest, ...env },
  });
  let out = '';
  let err = '';
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
    out += chunk;
  });
  child.stderr.setEncoding('utf8').on('data', (chunk: string) => {
    err += chunk;
  });
  child.stdin.end(input);
  return new Promise((done, fail) => {
    child.on('error', fail);
    child.on('close', (code) => done({ code, out, err }));
  });
}
