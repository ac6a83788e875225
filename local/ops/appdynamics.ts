/** Answers of one controller of AppDynamics, in its shapes (help.splunk.com, AppDynamics APIs). */
import { notFound, type OpsAnswer } from './answer.ts';
import type { OpsApplication, OpsController } from './dataset.ts';

const hourMs = 3_600_000;
const dayMs = 24 * hourMs;
const dayOf = (at: number): string => new Date(at).toISOString().slice(0, 10);

export class AppDynamicsAnswers {
  readonly #data: OpsController;
  readonly #now: () => Date;
  constructor(data: OpsController, now: () => Date) {
    this.#data = data;
    this.#now = now;
  }

  answer(path: string, query: URLSearchParams): OpsAnswer {
    const { account, applications, packages } = this.#data;
    if (path === '/controller/api/accounts/myaccount') {
      return { body: { id: String(account.id), name: account.name, links: [] } };
    }
    if (path === '/controller/rest/applications') {
      return {
        body: applications.map(({ id, name, description }) => ({ name, description, id, accountGuid: '' })),
      };
    }
    const [, app, what] = /^\/controller\/rest\/applications\/(\w+)\/(tiers|nodes|metric-data)$/.exec(path) ?? [];
    if (app !== undefined) {
      const found = applications.find(({ id }) => String(id) === app);
      if (!found) return { status: 400, body: `Invalid application id ${app} is specified` };
      if (what === 'tiers') return { body: tiersOf(found) };
      return what === 'nodes' ? { body: nodesOf(found) } : this.#metrics(found, query);
    }
    if (path === '/controller/restui/tags') {
      const found = applications.find(({ id }) => String(id) === query.get('entityId'));
      if (!found) return notFound;
      return { body: Object.entries(found.tags).map(([key, value], index) => ({ id: index + 1, key, value })) };
    }
    const licensing = /^\/controller\/licensing\/v1\/(usage\/)?account\/(\w+)(\/.*)?$/.exec(path);
    if (licensing && licensing[2] === String(account.id)) {
      if (licensing[1]) return this.#licences(query);
      if (licensing[3] === '/info') {
        return {
          body: {
            packages: packages.map((one) => ({
              ...{ packageName: one.name, type: 'PAID', kind: 'SUBSCRIPTION', family: one.family },
              ...{ licenseUnits: one.licenceUnits, startDate: one.startDate, expirationDate: one.expirationDate },
            })),
          },
        };
      }
      if (licensing[3] === '/grouped-usage/application/by-id') return this.#grouped(query.getAll('appId'));
    }
    return notFound;
  }

  #licences(query: URLSearchParams): OpsAnswer {
    const from = Date.parse(query.get('dateFrom') ?? '');
    const to = Date.parse(query.get('dateTo') ?? '');
    const minutes = Number(query.get('granularityMinutes'));
    if (Number.isNaN(from) || Number.isNaN(to) || !(minutes > 0) || minutes % 5 !== 0) {
      return { status: 400, body: { message: 'granularityMinutes must be a multiple of 5' } };
    }
    const points = new Map<string, object[]>(this.#data.packages.map(({ name }) => [name, []]));
    for (let at = from; at < to; at += minutes * 60_000) {
      for (const used of this.#data.usage(dayOf(at))?.packages ?? []) {
        points.get(used.name)?.push({
          timestamp: new Date(at).toISOString(),
          provisioned: { max: used.provisioned },
          used: { min: used.min, avg: used.avg, max: used.max },
          registrations: [],
        });
      }
    }
    const unitUsage = (data: object[]) => ({ usageType: 'LICENSE_UNITS', granularityInMinutes: minutes, data });
    return {
      body: {
        accountId: String(this.#data.account.id),
        packages: [...points].map(([name, data]) => ({ name, unitUsages: [unitUsage(data)] })),
      },
    };
  }

  /** As things are now: the newest day that there is something of. */
  #grouped(ids: readonly string[]): OpsAnswer {
    const today = this.#now().getTime();
    const newest = [0, 1, 2].map((days) => this.#data.usage(dayOf(today - days * dayMs))).find(Boolean);
    const items = ids.flatMap((id) => {
      const app = this.#data.applications.find((one) => String(one.id) === id);
      const used = newest?.applications.get(Number(id));
      if (!app || !used) return [];
      const nodes = app.tiers.flatMap((tier) => tier.nodes.map((name) => ({ nodeName: name, tierName: tier.name })));
      return [
        [id, { appId: app.id, appName: app.name, vCpu: used.vcpu, nodes, containers: [], agents: [], hosts: {} }],
      ];
    });
    const total = items.reduce((sum, [, item]) => sum + (item as { vCpu: number }).vCpu, 0);
    return { body: { vCpuTotal: total, items: Object.fromEntries(items) as object } };
  }

  /** By the hour, as controllers keep what is older than two days. */
  #metrics(app: OpsApplication, query: URLSearchParams): OpsAnswer {
    const from = Number(query.get('start-time'));
    const to = Number(query.get('end-time'));
    const path = query.get('metric-path') ?? '';
    if (query.get('time-range-type') !== 'BETWEEN_TIMES' || !(from < to)) {
      return { status: 400, body: 'Invalid time range' };
    }
    if (path === 'Overall Application Performance|Calls per Minute') {
      return { body: [this.#series(app, path, 'Calls per Minute', from, to, (used) => used.calls)] };
    }
    if (path !== 'Application Infrastructure Performance|*|Agent|App|Availability') return { body: [] };
    const nodes = app.tiers.reduce((sum, tier) => sum + tier.nodes.length, 0);
    return {
      body: app.tiers.map((tier) => {
        const share = nodes === 0 ? 0 : tier.nodes.length / nodes;
        const name = path.replace('*', tier.name);
        return this.#series(app, name, 'Availability', from, to, (used) => used.nodes * 1440 * share);
      }),
    };
  }

  #series(
    app: OpsApplication,
    metricPath: string,
    metricName: string,
    from: number,
    to: number,
    ofDay: (used: { readonly nodes: number; readonly calls: number }) => number,
  ): object {
    const metricValues: object[] = [];
    for (let day = from - (from % dayMs); day < to; day += dayMs) {
      const used = this.#data.usage(dayOf(day))?.applications.get(app.id);
      if (!used) continue;
      const whole = Math.round(ofDay(used));
      for (let hour = 0; hour < 24; hour += 1) {
        const startTimeInMillis = day + hour * hourMs;
        if (startTimeInMillis < from || startTimeInMillis >= to) continue;
        // What does not divide by 24 comes in the last hour, so that a day's hours add up to the day.
        const sum = Math.floor(whole / 24) + (hour === 23 ? whole % 24 : 0);
        const value = Math.round(sum / 60);
        metricValues.push({
          ...{ startTimeInMillis, occurrences: 1, current: value, min: value, max: value, useRange: true },
          ...{ count: 60, sum, value, standardDeviation: 0 },
        });
      }
    }
    return { metricId: app.id, metricPath, metricName, frequency: 'SIXTY_MIN', metricValues };
  }
}

const tiersOf = (app: OpsApplication): object[] =>
  app.tiers.map((tier) => ({
    ...{ agentType: tier.agentType, name: tier.name, description: '', id: tier.id },
    ...{ numberOfNodes: tier.nodes.length, type: tier.type },
  }));

const nodesOf = (app: OpsApplication): object[] =>
  app.tiers.flatMap((tier) =>
    tier.nodes.map((name, index) => ({
      ...{ id: tier.id * 1000 + index, name, tierId: tier.id, tierName: tier.name, agentType: tier.agentType },
      ...{ machineName: name, appAgentPresent: true, machineAgentPresent: false, type: 'Other' },
    })),
  );
