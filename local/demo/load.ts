/**
 * Loads the demo into a running platform, through its API and by its jobs, as somebody would load production: sources that
 * are asked over HTTP, files that are put into an inbox, prices, overrides that a second person approves, events.
 */
import { createTrailkeep } from '#client/trailkeep.ts';
import { type OpsServer, startOps } from '../ops/server.ts';
import { applicationTag, demoBills } from './bills.ts';
import { companies as allCompanies, type Company } from './companies.ts';
import { demoApplications, demoDataset, isoDay, unitPrices } from './dataset.ts';
import { demoEvents, type Incident } from './events.ts';
import { demoHCodes } from './h-codes.ts';

export interface DemoOptions {
  readonly apiUrl: string;
  readonly adminKey: string;
  readonly seed: number;
  /** Days of history; half a year when absent. */
  readonly days?: number;
  readonly companies?: readonly Company[];
  /** The day after the last one with data, YYYY-MM-DD. */
  readonly until: string;
  /** Of a company, by its slug: where its controllers and its CMDB answer. */
  readonly opsUrl: (slug: string) => string;
  /** `share` of all the work, 0 to 1. */
  readonly progress: (share: number, what: string) => void;
}

export interface DemoTenant {
  readonly company: string;
  readonly slug: string;
  readonly tenantId: string;
  /** Holds every scope. */
  readonly apiKey: string;
  /** The second person of whatever takes two. */
  readonly secondKey: string;
  readonly events: number;
  readonly incidents: readonly Incident[];
  readonly jobs: Readonly<Record<'load' | 'refresh' | 'forecast', string>>;
}

const dayMs = 86_400_000;
/** Six months: what seasons and a chargeback of several months need. */
export const demoDays = 184;
const batch = 1000;

const firstDayOf = (until: string, days = demoDays): string => isoDay(Date.parse(until) - days * dayMs);

/** The companies' controllers and CMDBs; they go on telling of new days for as long as they run. */
export async function startDemoOps(
  { seed, until, days, companies = allCompanies }: Pick<DemoOptions, 'seed' | 'until' | 'days' | 'companies'>,
  port = 0,
): Promise<{ readonly url: (slug: string) => string; readonly close: () => Promise<void> }> {
  const servers = new Map<string, OpsServer>();
  for (const [index, company] of companies.entries()) {
    const dataset = demoDataset(company, { seed, from: firstDayOf(until, days), until: '9999-12-31' });
    servers.set(company.slug, await startOps({ dataset, port: port === 0 ? 0 : port + index }));
  }
  return {
    url: (slug) => servers.get(slug)!.url,
    close: async () => {
      await Promise.all([...servers.values()].map((server) => server.close()));
    },
  };
}

/** Loads the companies, one after the other. Rejects with what the API answered when a step fails, or a run does. */
export async function loadDemo(options: DemoOptions): Promise<readonly DemoTenant[]> {
  const { companies = allCompanies } = options;
  const loaded: DemoTenant[] = [];
  for (const [index, company] of companies.entries()) {
    const progress = (share: number, what: string) =>
      options.progress((index + share) / companies.length, `${company.name}: ${what}`);
    loaded.push(await loadCompany(company, { ...options, progress }));
  }
  options.progress(1, 'ready');
  return loaded;
}

async function loadCompany(company: Company, options: DemoOptions): Promise<DemoTenant> {
  const { apiUrl, adminKey, seed, until, progress, days = demoDays } = options;
  const from = firstDayOf(until, days);
  const admin = new Api(apiUrl, adminKey);
  progress(0, 'a tenant and its keys');
  const tenantId = String((await admin.post('/v1/tenants', { name: company.name })).id);
  const keyOf = async (name: string) => String((await admin.post(`/v1/tenants/${tenantId}/keys`, { name })).key);
  const [apiKey, secondKey] = [await keyOf('Demo'), await keyOf('Demo, second person')];
  const api = new Api(apiUrl, apiKey);
  const second = new Api(apiUrl, secondKey);

  progress(0.02, 'events of half a year');
  const { events, incidents } = demoEvents(company, { seed, until: Date.parse(until), days });
  const trail = createTrailkeep({ url: apiUrl, apiKey });
  for (let at = 0; at < events.length; at += batch) {
    await trail.sendMany(events.slice(at, at + batch), { idempotencyKey: `demo-${seed}-${company.slug}-${at}` });
    progress(
      0.02 + 0.38 * (at / events.length),
      `${at.toLocaleString('en')} of ${events.length.toLocaleString('en')} events`,
    );
  }

  progress(0.4, 'sources and prices');
  for (const [name, amount] of Object.entries(unitPrices)) {
    await api.post('/v1/prices', { package: name, from_day: from, currency: company.currency, amount });
  }
  const url = options.opsUrl(company.slug);
  for (const { key, client } of demoDataset(company, { seed, from, until }).controllers) {
    const settings = { url: `${url}/${key}`, client_id: client.id, from_day: from };
    await api.post('/v1/sources', { kind: 'appdynamics', name: key, secret: client.secret, settings });
  }
  const { client } = demoDataset(company, { seed, from, until }).serviceNow;
  const settings = { url: `${url}/servicenow`, client_id: client.id, tables: ['cmdb_ci_appl'] };
  await api.post('/v1/sources', { kind: 'servicenow', name: 'CMDB', secret: client.secret, settings });
  const bills = await api.post('/v1/sources', {
    ...{ kind: 'focus', name: 'Cloud bills', settings: { application_tag: applicationTag } },
  });
  for (const { name, csv } of demoBills(company, { seed, from, until })) await api.putFile(String(bills.id), name, csv);
  const codes = await api.post('/v1/sources', { kind: 'h-code', name: 'H-codes', settings: {} });
  await api.putFile(String(codes.id), 'h-codes.csv', demoHCodes(company, seed));

  progress(0.45, 'loading usage, licences, bills and the CMDB');
  const job = async (name: string, kind: string, time: string) =>
    String(
      (await api.post('/v1/jobs', { name, kind, timing: { every: 'day', time }, time_zone: company.timeZone })).id,
    );
  const jobs = {
    load: await job('Load usage and costs', 'etl', '02:00'),
    refresh: await job('Refresh views', 'refresh', '04:00'),
    forecast: await job('Forecast', 'forecast', '05:00'),
  };
  await api.run(jobs.load, (share) => progress(0.45 + 0.3 * share, 'loading usage, licences, bills and the CMDB'));

  progress(0.75, 'overrides');
  for (const terms of await overridesOf(api, company, { seed, from, until })) {
    const { id } = await api.post('/v1/overrides', terms);
    await second.post(`/v1/overrides/${id}/approve`, { note: 'As agreed in the monthly meeting.' });
  }
  progress(0.78, 'refreshing views');
  await api.run(jobs.refresh, (share) => progress(0.78 + 0.07 * share, 'refreshing views'));
  await api.run(jobs.forecast, (share) => progress(0.85 + 0.15 * share, 'forecasting'));
  return {
    company: company.name,
    slug: company.slug,
    tenantId,
    apiKey,
    secondKey,
    events: events.length,
    incidents,
    jobs,
  };
}

/** An application that belongs to another sector than its tags say, and a credit for last month. */
async function overridesOf(
  api: Api,
  company: Company,
  { seed, from, until }: { readonly seed: number; readonly from: string; readonly until: string },
): Promise<object[]> {
  const { name, controller } = demoApplications(company, seed).find(({ hCode }) => hCode === undefined)!;
  const span = `from=${from.slice(0, 7)}&to=${until.slice(0, 7)}`;
  const query = `${span}&by=application,controller&limit=1000`;
  const { figures } = (await api.get(`/v1/costs?${query}`)) as { readonly figures: readonly FigureView[] };
  const found = figures.find((one) => one.application === name && one.controller === controller);
  if (!found) throw new Error(`${name} of ${controller} has no costs`);
  const lastMonth = isoDay(Date.UTC(Number(until.slice(0, 4)), Number(until.slice(5, 7)) - 2, 1)).slice(0, 7);
  return [
    {
      ...{ kind: 'mapping', application: found.application_id, from, set: { sector: company.sectors[1] } },
      reason: 'The application moved to another sector in the spring; its tags still name the old one.',
    },
    {
      ...{ kind: 'cost', month: lastMonth, currency: company.currency, amount: '-250.00' },
      reason: 'Credit for an outage of the vendor.',
    },
  ];
}

interface FigureView {
  readonly application: string;
  readonly application_id: number;
  readonly controller: string;
}

/** The API as somebody with a key sees it. */
class Api {
  readonly #url: string;
  readonly #key: string;

  constructor(url: string, key: string) {
    this.#url = url;
    this.#key = key;
  }

  async #call(method: string, path: string, body?: object): Promise<Record<string, unknown>> {
    const response = await fetch(this.#url + path, {
      method,
      headers: { authorization: `Bearer ${this.#key}`, 'content-type': 'application/json' },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const text = await response.text();
    if (!response.ok) throw new Error(`${method} ${path} answered ${response.status}: ${text}`);
    return (text === '' ? {} : JSON.parse(text)) as Record<string, unknown>;
  }

  get(path: string): Promise<Record<string, unknown>> {
    return this.#call('GET', path);
  }

  post(path: string, body: object): Promise<Record<string, unknown>> {
    return this.#call('POST', path, body);
  }

  async putFile(source: string, name: string, content: string): Promise<void> {
    const { url } = await this.post(`/v1/sources/${source}/files`, { name });
    const response = await fetch(String(url), { method: 'PUT', body: content });
    if (!response.ok) throw new Error(`PUT of ${name} answered ${response.status}: ${await response.text()}`);
  }

  /** Runs a job and waits for its end; a run that did not succeed says why. */
  async run(job: string, progress: (share: number) => void): Promise<void> {
    const { id } = await this.post(`/v1/jobs/${job}/run`, {});
    for (;;) {
      const { runs } = (await this.get(`/v1/jobs/${job}/history?limit=10`)) as { readonly runs: readonly RunView[] };
      const run = runs.find((one) => one.id === id);
      if (run?.state === 'succeeded') return;
      if (run?.state === 'failed' || run?.state === 'refused') {
        throw new Error(`a run of job ${job} ${run.state}: ${run.error?.code} ${run.error?.message}`);
      }
      const { open = 1, done = 0 } = run?.parts ?? {};
      progress(done / (open + done + 1));
      await new Promise((resolve) => setTimeout(resolve, 300));
    }
  }
}

interface RunView {
  readonly id: string;
  readonly state: string;
  readonly parts?: { readonly open: number; readonly done: number };
  readonly error: { readonly code: string; readonly message: string } | null;
}
