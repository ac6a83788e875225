/** A tenant, keys and an administrator to begin with: made on the first start through the API itself, kept for the next ones. */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { meetPeople } from './first-people.ts';
import type { Platform } from './platform.ts';

/** `local.json` in the state folder, for the CLI and for people. */
export interface LocalAccess {
  readonly apiUrl: string;
  readonly tenantId: string;
  readonly apiKey: string;
  readonly adminKey: string;
  /** Where `trailkeep token` gets its tokens. */
  readonly issuerUrl: string;
  readonly pid: number;
}

const tenantName = 'Acme';

/** Migrates the database and makes sure that there is a tenant with a key that works. */
export async function welcome(platform: Platform): Promise<LocalAccess> {
  const { apiUrl } = platform;
  const file = join(platform.folder, 'local.json');
  const known: Partial<LocalAccess> = existsSync(file) ? (JSON.parse(readFileSync(file, 'utf8')) as LocalAccess) : {};
  const fresh = await bootstrap(platform, {});
  let adminKey = fresh.adminKey ?? known.adminKey;
  if (adminKey === undefined || !(await works(apiUrl, adminKey))) {
    adminKey = (await bootstrap(platform, { reissueAdminKey: true })).adminKey;
    if (adminKey === undefined) throw new Error('access-bootstrap gave no admin key');
  }
  const issuerUrl = platform.issuer.url;
  const save = async (rest: Pick<LocalAccess, 'tenantId' | 'apiKey'>): Promise<LocalAccess> => {
    const access = { apiUrl, ...rest, adminKey, issuerUrl, pid: process.pid };
    await meetPeople(access);
    writeFileSync(file, `${JSON.stringify(access, undefined, 2)}\n`, { mode: 0o600 });
    return access;
  };
  const { tenantId, apiKey } = known;
  if (tenantId !== undefined && apiKey !== undefined && (await works(apiUrl, apiKey)))
    return save({ tenantId, apiKey });
  return save(await makeTenant(apiUrl, adminKey, tenantId));
}

async function bootstrap(platform: Platform, payload: object): Promise<{ readonly adminKey?: string }> {
  return (await platform.functions.invoke('access-bootstrap', payload)) as { readonly adminKey?: string };
}

async function works(apiUrl: string, key: string): Promise<boolean> {
  const response = await fetch(`${apiUrl}/v1/whoami`, { headers: { authorization: `Bearer ${key}` } });
  await response.arrayBuffer();
  return response.ok;
}

async function makeTenant(
  apiUrl: string,
  adminKey: string,
  before: string | undefined,
): Promise<Pick<LocalAccess, 'tenantId' | 'apiKey'>> {
  const post = async (path: string, body: object) => {
    const response = await fetch(apiUrl + path, {
      method: 'POST',
      headers: { authorization: `Bearer ${adminKey}`, 'content-type': 'application/json' },
      body: JSON.stringify(body),
    });
    const text = await response.text();
    if (!response.ok) throw new Error(`POST ${path} answered ${response.status}: ${text}`);
    return JSON.parse(text) as Record<string, unknown>;
  };
  const tenantId = before ?? String((await post('/v1/tenants', { name: tenantName })).id);
  const { key } = await post(`/v1/tenants/${tenantId}/keys`, { name: 'First key' });
  return { tenantId, apiKey: String(key) };
}
