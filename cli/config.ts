/** Where the API is and which key opens it: flags, then the environment, then what `npm start` wrote. */
import { readFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { CliError } from './fail.ts';

export interface Config {
  readonly url: string;
  readonly key: string;
  /** For error messages: where the key was found. */
  readonly keyFrom: string;
}

interface LocalFile {
  readonly path: string;
  readonly apiUrl?: string;
  readonly apiKey?: string;
  readonly adminKey?: string;
  readonly tenantId?: string;
  readonly issuerUrl?: string;
}

/** `.trailkeep/local.json` in this folder or the nearest above it. */
export function findLocal(from: string): LocalFile | undefined {
  for (let folder = resolve(from); ; folder = dirname(folder)) {
    const path = join(folder, '.trailkeep', 'local.json');
    let text: string | undefined;
    try {
      text = readFileSync(path, 'utf8');
    } catch {
      if (folder === dirname(folder)) return undefined;
      continue;
    }
    try {
      return { ...(JSON.parse(text) as Omit<LocalFile, 'path'>), path };
    } catch {
      throw new CliError(`${path} is not JSON.`, 'Delete it and run "npm start", which writes it anew.');
    }
  }
}

/**
 * Address and key. An admin command takes the platform's own key, all others the tenant's.
 *
 * A key of the local file is sent to the local address only: a key must not go to a host that it was not made for.
 */
export function readConfig(
  flags: { readonly url?: string | undefined; readonly key?: string | undefined },
  admin: boolean,
  env: Readonly<Record<string, string | undefined>> = process.env,
  cwd: string = process.cwd(),
): Config {
  const local = findLocal(cwd);
  const url = flags.url ?? env.TRAILKEEP_URL ?? local?.apiUrl;
  if (!url) {
    throw new CliError(
      'Where is the API? There is no --url, no TRAILKEEP_URL and no .trailkeep/local.json here or above.',
      'Start it on this machine with "npm start", or say --url https://…',
    );
  }
  if (!/^https?:\/\//.test(url) || !URL.canParse(url)) {
    throw new CliError(`${url} is no address.`, 'Write it as https://audit.example.com');
  }
  const variable = admin ? 'TRAILKEEP_ADMIN_KEY' : 'TRAILKEEP_API_KEY';
  if (flags.key) return { url, key: flags.key, keyFrom: '--key' };
  if (env[variable]) return { url, key: env[variable], keyFrom: variable };
  const localKey = admin ? local?.adminKey : local?.apiKey;
  if (local && localKey && local.apiUrl && new URL(local.apiUrl).origin === new URL(url).origin) {
    return { url, key: localKey, keyFrom: local.path };
  }
  throw new CliError(
    `No ${admin ? 'admin key' : 'API key'} for ${url}.`,
    `Give --key tk_… or set ${variable}.${admin ? '' : ' "trailkeep key create" makes one.'}`,
  );
}
