/** A whole platform for a test file: everything that `npm start` runs, in a folder of its own. */
import { chmodSync, mkdirSync, mkdtempSync, rmdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { bundleFunctions } from '#local/bundle.ts';
import { startCloud } from '#local/cloud/start.ts';
import { type LocalAccess, welcome } from '#local/first-run.ts';
import { type Platform, type PlatformOptions, startPlatform } from '#local/platform.ts';
import { buildAssembly } from '#local/synth.ts';

const root = join(import.meta.dirname, '../..');

export interface TestPlatform extends Platform {
  readonly access: LocalAccess;
  /** Calls the API; the body is text, so that tests can compare bytes. */
  call(
    method: string,
    path: string,
    options?: {
      key?: string;
      json?: unknown;
      body?: string | Uint8Array<ArrayBuffer>;
      headers?: Record<string, string>;
    },
  ): Promise<Answer>;
  /** A tenant with a key that holds every tenant scope. */
  makeTenant(name: string): Promise<{ readonly tenantId: string; readonly apiKey: string; readonly keyId: string }>;
  /** Stops everything and removes the folder. */
  end(): Promise<void>;
}

export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  /** The body as JSON. */
  // biome-ignore lint/suspicious/noExplicitAny: tests look into answers of every shape
  readonly json: any;
}

/** Where the assembly of the test platforms lies. */
export const assemblyFolder = join(root, 'cdk.out/test-dev');

/** Test files run side by side; the first one bundles and synthesizes, the others wait for it. */
export async function testAssembly(stage: 'dev' | 'sharded' = 'dev'): Promise<string> {
  const folder = stage === 'dev' ? assemblyFolder : join(root, `cdk.out/test-${stage}`);
  const lock = join(tmpdir(), `trailkeep-assembly-${Buffer.from(root).toString('hex').slice(-40)}`);
  for (let waited = 0; ; waited += 100) {
    try {
      mkdirSync(lock);
      break;
    } catch {
      // A run that was killed leaves its lock; no build takes two minutes.
      if (waited > 120_000) rmSync(lock, { recursive: true, force: true });
      await sleep(100);
    }
  }
  try {
    await buildAssembly({ root, stage, folder, bundle: () => bundleFunctions({ root }), progress: () => {} });
    return folder;
  } finally {
    rmdirSync(lock);
  }
}

export async function testPlatform({
  stage = 'dev',
  ...options
}: Pick<PlatformOptions, 'onCall' | 'schedules' | 'now'> & {
  readonly stage?: 'dev' | 'sharded';
} = {}): Promise<TestPlatform> {
  const folder = mkdtempSync(join(tmpdir(), 'trailkeep-platform-'));
  // PostgreSQL runs as another user when the tests run as root.
  chmodSync(folder, 0o711);
  const platform = await startPlatform({
    folder,
    assembly: () => testAssembly(stage),
    startServices: startCloud,
    port: 0,
    durable: false,
    schedules: false,
    batchingWindows: false,
    ...options,
  });
  const access = await welcome(platform);
  const call: TestPlatform['call'] = async (method, path, options = {}) => {
    const response = await fetch(platform.apiUrl + path, {
      method,
      headers: {
        ...(options.key === undefined ? {} : { authorization: `Bearer ${options.key}` }),
        ...(options.json === undefined ? {} : { 'content-type': 'application/json' }),
        ...options.headers,
      },
      ...(options.json !== undefined ? { body: JSON.stringify(options.json) } : {}),
      ...(options.body !== undefined ? { body: options.body } : {}),
    });
    const text = await response.text();
    return {
      status: response.status,
      headers: response.headers,
      text,
      get json() {
        return JSON.parse(text);
      },
    };
  };
  return {
    ...platform,
    access,
    call,
    makeTenant: async (name) => {
      const tenant = await call('POST', '/v1/tenants', { key: access.adminKey, json: { name } });
      const made = await call('POST', `/v1/tenants/${tenant.json.id}/keys`, {
        key: access.adminKey,
        json: { name: 'all' },
      });
      return { tenantId: tenant.json.id, apiKey: made.json.key, keyId: made.json.key_id };
    },
    end: async () => {
      await platform.stop();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
