/** Two controllers and a CMDB, small enough to be counted by hand. */
import type { OpsApplication, OpsController, OpsDataset } from '#local/ops/dataset.ts';

export const newestDay = '2026-11-20';
export const oldestDay = '2026-10-01';

const app = (id: number, name: string, tags: Record<string, string>, nodes: number): OpsApplication => ({
  ...{ id, name, description: '', tags },
  tiers: [
    {
      ...{ id: id * 10, name: 'web', type: 'Application Server', agentType: 'APP_AGENT' },
      nodes: Array.from({ length: nodes }, (_, index) => `${name}-${index}`),
    },
  ],
});

function controller(key: string, applications: readonly OpsApplication[]): OpsController {
  return {
    ...{ key, account: { id: 17, name: `${key}-prod` }, client: { id: `etl@${key}`, secret: `secret of ${key}` } },
    packages: [
      {
        ...{ name: 'ENTERPRISE', family: 'APM', licenceUnits: 100 },
        ...{ startDate: '2026-01-01', expirationDate: '2026-12-31' },
      },
    ],
    applications,
    usage: (day) => {
      if (day < oldestDay || day > newestDay) return undefined;
      // One node more on every second day.
      const extra = Number(day.slice(-2)) % 2;
      const held = new Map(
        applications.map((one, index) => {
          const nodes = one.tiers[0]!.nodes.length + (index === 0 ? extra : 0);
          return [one.id, { nodes, vcpu: nodes * 2, calls: 1000 * nodes + index }] as const;
        }),
      );
      const used = [...held.values()].reduce((sum, { vcpu }) => sum + vcpu, 0);
      return {
        packages: [{ name: 'ENTERPRISE', provisioned: 100, min: used - 1, avg: used, max: used + 1 }],
        applications: held,
      };
    },
  };
}

const sysId = (id: number): string => id.toString(16).padStart(32, '0');
const record = (id: number, name: string, more: Record<string, string> = {}) => ({
  ...{ sys_id: sysId(id), name, sys_updated_on: `2026-11-0${1 + (id % 5)} 08:00:0${id % 10}`, install_status: '1' },
  ...more,
});

export const smallOps: OpsDataset = {
  controllers: [
    controller('acme', [
      app(1, 'Checkout', { 'h-code': 'H100', sector: 'Retail' }, 3),
      app(2, 'payment-gateway-prod', {}, 2),
      app(3, 'Warehouse', {}, 1),
    ]),
    controller('beta', [app(1, 'Search', { hcode: 'H200' }, 2)]),
  ],
  serviceNow: {
    client: { id: 'etl', secret: 'secret of servicenow' },
    tables: {
      sys_user_group: [record(900, 'Payments Team')],
      cmdb_ci_appl: [
        record(1, 'Checkout', { u_h_code: 'H-not-this', owned_by: sysId(900) }),
        record(2, 'Payment Gateway', { u_h_code: 'H300', owned_by: sysId(900), u_sector: 'Finance' }),
        // Five minutes before the newest.
        record(3, 'Old Ledger', { install_status: '7', sys_updated_on: '2026-11-05 07:55:00' }),
        ...Array.from({ length: 7 }, (_, index) => record(10 + index, `Other ${index}`)),
      ],
    },
  },
};
