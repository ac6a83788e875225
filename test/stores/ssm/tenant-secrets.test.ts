/** What tenants gave us to sign in with elsewhere, on our own SSM. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { SSMClient } from '@aws-sdk/client-ssm';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { Unavailable } from '#core/record/ports.ts';
import { type Cloud, startCloud } from '#local/cloud/cloud.ts';
import { clientSettings } from '#stores/aws/clients.ts';
import { SsmTenantSecrets } from '#stores/ssm/tenant-secrets.ts';

const tenant = '019f0000-0000-7000-8000-000000000001';
const other = '019f0000-0000-7000-8000-000000000002';
const source = '019f0000-0000-7000-8000-00000000000a';
const folder = mkdtempSync(join(tmpdir(), 'trailkeep-tenant-secrets-'));
const credentials = { accessKeyId: 'test', secretAccessKey: 'test' };
let cloud: Cloud;
let secrets: SsmTenantSecrets;
beforeAll(async () => {
  cloud = await startCloud({ folder });
  const client = new SSMClient({ ...clientSettings, endpoint: cloud.url, region: 'eu-west-1', credentials });
  secrets = new SsmTenantSecrets(client, '/trailkeep/test/secrets');
});
afterAll(async () => {
  await cloud.close();
  rmSync(folder, { recursive: true, force: true });
});

test('a secret is read by its tenant and id, replaced, and gone once removed', async () => {
  expect(await secrets.get(tenant, source)).toBeUndefined();
  await secrets.put(tenant, source, 'first');
  await secrets.put(tenant, source, 'second');
  expect(await secrets.get(tenant, source)).toBe('second');
  expect(await secrets.get(other, source)).toBeUndefined();
  await secrets.remove(tenant, source);
  await secrets.remove(tenant, source);
  expect(await secrets.get(tenant, source)).toBeUndefined();
});

test('a name that leads elsewhere is no name', async () => {
  await expect(secrets.get(tenant, '../root')).rejects.toThrow(TypeError);
  await expect(secrets.put(`${tenant}/x`, source, 'x')).rejects.toThrow(TypeError);
});

test('a place that is down is Unavailable', async () => {
  const nowhere = {
    ...clientSettings,
    maxAttempts: 1,
    endpoint: 'http://127.0.0.1:1',
    region: 'eu-west-1',
    credentials,
  };
  const down = new SsmTenantSecrets(new SSMClient(nowhere), '/trailkeep/test/secrets');
  await expect(down.get(tenant, source)).rejects.toThrow(Unavailable);
});
