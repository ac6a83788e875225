/** The drivers against our own local cloud: what the platform runs on when there is no AWS. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe } from 'vitest';
import { type Cloud, startCloud } from '#local/cloud/cloud.ts';
import { driversContract } from './contract/drivers.ts';

describe('drivers on the local cloud', () => {
  const folder = mkdtempSync(join(tmpdir(), 'trailkeep-drivers-'));
  let cloud: Cloud;
  beforeAll(async () => {
    cloud = await startCloud({ folder });
  });
  afterAll(async () => {
    await cloud.close();
    rmSync(folder, { recursive: true, force: true });
  });
  driversContract(() => cloud.url, { namesSource: true });
});
