/** Runs the whole platform on this machine until Ctrl-C, and says how to use it. */
import { join, relative } from 'node:path';
import { parseArgs } from 'node:util';
import { bundleFunctions } from '#local/bundle.ts';
import { startCloud } from '#local/cloud/start.ts';
import { type Demo, demoText, hasDemo, showProgress, startDemo } from '#local/demo/demo.ts';
import { welcome } from '#local/first-run.ts';
import { FolderInUse } from '#local/lock.ts';
import { type Platform, startPlatform } from '#local/platform.ts';
import { buildAssembly } from '#local/synth.ts';

const root = join(import.meta.dirname, '..');
const { values } = parseArgs({
  options: {
    folder: { type: 'string', default: join(root, '.trailkeep') },
    port: { type: 'string', default: '4600' },
    stage: { type: 'string', default: 'dev' },
    demo: { type: 'boolean', default: false },
  },
});

const startedMs = performance.now();
const say = (line: string) => console.log(line);
let platform: Platform | undefined;
let demo: Demo | undefined;
let endingSinceMs: number | undefined;

async function end(code: number): Promise<void> {
  if (endingSinceMs !== undefined) {
    // npm hands on the signal that the terminal sent already, so the same Ctrl-C comes twice.
    if (performance.now() - endingSinceMs < 500) return;
    // The second one does not wait: exit handlers still end PostgreSQL and release the folder.
    process.exit(code === 0 ? 130 : code);
  }
  endingSinceMs = performance.now();
  if (platform) say('\nStopping …');
  await demo?.close();
  await platform?.stop();
  process.exit(code);
}
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => void end(0));

try {
  say('Starting Trailkeep on this machine …');
  const assembly = join(root, 'cdk.out', `local-${values.stage}`);
  platform = await startPlatform({
    folder: values.folder,
    port: Number(values.port),
    startServices: startCloud,
    assembly: async () => {
      const bundle = () => bundleFunctions({ root });
      await buildAssembly({ root, stage: values.stage, folder: assembly, bundle, progress: say });
      return assembly;
    },
    notice: (line) => console.error(line),
  });
  const access = await welcome(platform);
  if (values.demo || hasDemo(platform.folder)) {
    demo = await startDemo(access, {
      folder: platform.folder,
      opsPort: Number(values.port) + 10,
      now: new Date(),
      progress: showProgress(process.stdout),
    });
  }
  const seconds = ((performance.now() - startedMs) / 1000).toFixed(1);
  const authorization = `-H 'Authorization: Bearer ${access.apiKey}'`;
  say(`
Trailkeep runs (ready in ${seconds} s).

  API        ${access.apiUrl}
  Docs       ${access.apiUrl}/docs
  Tenant     Acme  ${access.tenantId}
  API key    ${access.apiKey}
  Witness    ${platform.witnessUrl}/vkey   (cosigns the logs' checkpoints)
  Person     npx trailkeep token --user ada   (a token of the local issuer ${access.issuerUrl})

Send an event, then read it back:

  curl ${authorization} -H 'Content-Type: application/json' ${access.apiUrl}/v1/events -d '{"action":"role.grant","actor":{"type":"user","id":"ada"},"targets":[{"type":"role","id":"admin"}]}'
  curl ${authorization} '${access.apiUrl}/v1/events?actor=ada'

State is kept in ${relative(process.cwd(), platform.folder) || '.'} (logs/ has a file per function). Ctrl-C stops.
`);
  if (demo) say(demoText(demo));
} catch (error) {
  console.error(error instanceof FolderInUse ? error.message : error);
  await end(1);
}
