/** The folder of public test data, which is not part of the repository. */
import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';

/** The folder of a data set: in TRAILKEEP_DATA, or in ../shared/data next to the repository; undefined when absent. */
export function dataFolder(name: string): string | undefined {
  const root = process.env.TRAILKEEP_DATA ?? resolve(import.meta.dirname, '../../../shared/data');
  const folder = join(root, name);
  return existsSync(folder) ? folder : undefined;
}

/** Says why a test has nothing to do. */
export function noticeSkip(name: string): void {
  process.stderr.write(`skipped: the data set ${name} is not here; set TRAILKEEP_DATA to its parent folder\n`);
}
