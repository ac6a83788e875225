/** What is bundled: small enough for a fast start, and whole where nothing else of ours lies. */
import { execFile } from 'node:child_process';
import { cpSync, existsSync, mkdtempSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { bundleFunctions } from '#local/bundle.ts';
import { callerA, proxyEvent } from '#test/support/events.ts';

const { outDir } = await bundleFunctions();
const bundles = readdirSync(outDir).filter((name) => existsSync(join(outDir, name, 'index.mjs')));
const cedarOf = (name: string) => join(outDir, name, 'node_modules/@cedar-policy/cedar-wasm/nodejs/cedar_wasm_bg.wasm');

test('no bundle is larger than 1.5 MB', () => {
  const sizes = bundles.map((name) => ({ name, bytes: statSync(join(outDir, name, 'index.mjs')).size }));
  expect(sizes.filter(({ bytes }) => bytes > 1.5e6)).toEqual([]);
});

test('Cedar lies beside the bundles that decide, and beside no other', () => {
  const decides = (name: string) => readFileSync(join(outDir, name, 'index.mjs'), 'utf8').includes('cedar-wasm/nodejs');
  expect(bundles.filter((name) => existsSync(cedarOf(name)))).toEqual(bundles.filter(decides));
  expect(bundles.filter(decides)).toContain('access-projects');
  expect(bundles.filter(decides)).not.toContain('record-accept');
});

test('a bundle decides where there is nothing but the bundle', async () => {
  const folder = join(mkdtempSync(join(tmpdir(), 'trailkeep-bundle-')), 'access-projects');
  cpSync(join(outDir, 'access-projects'), folder, { recursive: true });
  // All that opening the ports asks for; a method that nobody takes is refused after the decision.
  const secrets = createServer((_, response) =>
    response.end(JSON.stringify({ Parameter: { Value: Buffer.alloc(32).toString('base64url') } })),
  );
  await new Promise<void>((resolve) => secrets.listen(0, '127.0.0.1', resolve));
  const { tenant, keyId, scopes } = callerA;
  const call = (held: string) =>
    proxyEvent({
      ...{ httpMethod: 'PUT', path: '/v1/projects' },
      authorizer: { tenant, keyId, scopes: held, eventsPerSecond: '1' },
    });
  const script = `
    const { handler } = await import('./index.mjs');
    for (const event of ${JSON.stringify([call(scopes.join(' ')), call('events:read')])}) {
      console.log(JSON.parse((await handler(event, {})).body).code);
    }`;
  const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '-e', script], {
    cwd: folder,
    env: {
      ...{ AWS_REGION: 'eu-west-1', AWS_ACCESS_KEY_ID: 'a', AWS_SECRET_ACCESS_KEY: 'b', STAGE: 'dev' },
      ...{ DATABASE_HOST: '127.0.0.1', DATABASE_PORT: '1', DATABASE_NAME: 'x', DATABASE_USER: 'x' },
      ...{ PGSSLMODE: 'disable', ROOT_SECRET_PARAMETER: '/x' },
      AWS_ENDPOINT_URL_SSM: `http://127.0.0.1:${(secrets.address() as AddressInfo).port}`,
    },
  });
  secrets.close();
  const codes = stdout.split('\n').filter((line) => !line.startsWith('{'));
  expect(codes.slice(0, 2)).toEqual(['method_not_allowed', 'forbidden']);
});

test('forecasts have their WebAssembly beside them, and it runs where there is nothing but the bundle', async () => {
  const wasm = (name: string) => join(outDir, name, 'node_modules/@bsull/augurs/mstl_bg.wasm');
  expect(bundles.filter((name) => existsSync(wasm(name)))).toEqual(['costs-forecast']);
  const folder = join(mkdtempSync(join(tmpdir(), 'trailkeep-bundle-')), 'costs-forecast');
  cpSync(join(outDir, 'costs-forecast'), folder, { recursive: true });
  // What the bundle does to load them, as it stands in stores/forecast.
  const script = `import { createRequire } from 'node:module';
    import { readFileSync } from 'node:fs';
    const require = createRequire(import.meta.url);
    const { initSync, MSTL } = await import('@bsull/augurs/mstl');
    initSync({ module: readFileSync(require.resolve('@bsull/augurs/mstl').replace(/\\.js$/, '_bg.wasm')) });
    const model = MSTL.ets([4]);
    const values = Float64Array.from({ length: 40 }, (_, t) => 5 + (t % 4));
    model.fit(values);
    const ARIMA = require('arima');
    const airline = new ARIMA({ p: 0, d: 1, q: 1, P: 0, D: 1, Q: 1, s: 4, verbose: false });
    airline.train([...values]);
    console.log(JSON.stringify([model.predict(4).point.map(Math.round), airline.predict(4)[0].map(Math.round)]));`;
  writeFileSync(join(folder, 'look.mjs'), script);
  const { stdout } = await promisify(execFile)(process.execPath, ['look.mjs'], { cwd: folder });
  expect(JSON.parse(stdout)).toEqual([
    [5, 6, 7, 8],
    [5, 6, 7, 8],
  ]);
});
