/** The demo beside a platform: loaded once into its folder, its controllers and CMDB there for as long as it runs. */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { LocalAccess } from '../first-run.ts';
import { isoDay } from './dataset.ts';
import { type DemoTenant, loadDemo, startDemoOps } from './load.ts';

/** `demo.json` in the state folder. */
interface DemoState {
  readonly seed: number;
  readonly until: string;
  readonly opsPort: number;
  /** Absent: loading was cut off. */
  readonly tenants?: readonly DemoTenant[];
}

export interface Demo {
  readonly tenants: readonly DemoTenant[];
  readonly close: () => Promise<void>;
}

/** Whether a folder has one, so that its sources must answer. */
export const hasDemo = (folder: string): boolean => existsSync(join(folder, 'demo.json'));

/**
 * Starts the demo of a folder, and loads it when it is not there. A load that was cut off is begun anew, under new
 * tenants: what is in a trail stays in it.
 */
export async function startDemo(
  access: Pick<LocalAccess, 'apiUrl' | 'adminKey'>,
  options: {
    readonly folder: string;
    /** Ports from here on, one for each company; 0 for any. */
    readonly opsPort: number;
    readonly now: Date;
    readonly progress: (share: number, what: string) => void;
  },
): Promise<Demo> {
  const file = join(options.folder, 'demo.json');
  const known = existsSync(file) ? (JSON.parse(readFileSync(file, 'utf8')) as DemoState) : undefined;
  const state: DemoState = known ?? { seed: 1, until: isoDay(options.now.getTime()), opsPort: options.opsPort };
  const ops = await startDemoOps(state, state.opsPort);
  try {
    if (state.tenants) return { tenants: state.tenants, close: ops.close };
    const { apiUrl, adminKey } = access;
    const tenants = await loadDemo({ apiUrl, adminKey, ...state, opsUrl: ops.url, progress: options.progress });
    writeFileSync(file, `${JSON.stringify({ ...state, tenants }, undefined, 2)}\n`, { mode: 0o600 });
    return { tenants, close: ops.close };
  } catch (error) {
    await ops.close();
    throw error;
  }
}

const width = 28;

/** A bar on a terminal, a line for each step elsewhere. */
export function showProgress(out: NodeJS.WriteStream): (share: number, what: string) => void {
  let last = '';
  return (share, what) => {
    if (out.isTTY) {
      const filled = Math.round(share * width);
      const line = `${'█'.repeat(filled)}${'░'.repeat(width - filled)} ${String(Math.floor(share * 100)).padStart(3)} %  ${what}`;
      out.write(`\r\u001b[K${line.slice(0, (out.columns ?? 80) - 1)}${share === 1 ? '\n' : ''}`);
      return;
    }
    // Counts go up within a step; its first words say which one it is.
    const step = what.replace(/[\d,]+ of /, '');
    if (step === last) return;
    last = step;
    out.write(`${String(Math.floor(share * 100)).padStart(3)} %  ${what}\n`);
  };
}

/** What a person does next. */
export function demoText(demo: Demo): string {
  const tenants = demo.tenants.map(({ company, tenantId, apiKey, events, incidents }) =>
    [
      `  ${company}   ${tenantId}`,
      `    key        ${apiKey}`,
      `    events     ${events.toLocaleString('en')}, with ${incidents.length} incidents: ${incidents.map(({ name }) => name).join(', ')}`,
    ].join('\n'),
  );
  const [first] = demo.tenants;
  return `The demo is loaded: usage, licences, bills, a CMDB and a trail of half a year.

${tenants.join('\n')}

Look at it:

  export TRAILKEEP_API_KEY=${first?.apiKey}
  npx trailkeep cost
  npx trailkeep forecast
  npx trailkeep job
  npx trailkeep query --action 'user.login_failed' --limit 5
`;
}
