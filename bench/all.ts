/** Every bench, one after the other, each in a process of its own. `--full` takes the large sizes. */
import { spawnSync } from 'node:child_process';

const benches = [
  'accept',
  'write-critical',
  'write-bulk',
  'compact',
  'query',
  'query-archive',
  'export',
  'load',
  'refresh',
  'forecast',
  'forecast-run',
  'runs',
  'permissions',
  'merkle',
  'seal',
  'verify',
  'latency',
  'cold-start',
];
for (const name of benches) {
  const file = new URL(`./${name}.ts`, import.meta.url).pathname;
  const { status } = spawnSync(process.execPath, [file, ...process.argv.slice(2)], { stdio: 'inherit' });
  if (status !== 0) process.exit(status ?? 1);
}
