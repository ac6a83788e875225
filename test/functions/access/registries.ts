/** The registry in memory, as Postgres promises it. */

import type { Issuer } from '#core/access/issuer.ts';
import type { Moves, Residence } from '#core/access/move.ts';
import type {
  ApiKey,
  Environment,
  IssuerRegistry,
  KeyRegistry,
  PolicyRegistry,
  Project,
  ProjectRegistry,
  Tenant,
  TenantRegistry,
  TenantSettings,
} from '#core/access/ports.ts';
import { Problem } from '#core/event/problem.ts';
import { MemoryPlace } from '#test/support/memory.ts';

const conflict = () => new Problem('conflict', 'It exists already.');
const pageOf = <T>(items: readonly T[], idOf: (item: T) => string, after: string | undefined, limit: number) =>
  items
    .filter((item) => after === undefined || idOf(item) > after)
    .sort((a, b) => (idOf(a) < idOf(b) ? -1 : 1))
    .slice(0, limit);

/** Nobody carries out what is asked. */
export class MemoryMoves extends MemoryPlace implements Moves {
  readonly moves = new Map<string, Residence>();

  async find(tenant: string): Promise<Residence> {
    this.reach();
    return this.moves.get(tenant) ?? { shard: 0 };
  }

  async ask(tenant: string, to: number, askedBy: string, now: Date): Promise<boolean> {
    const { shard, move } = await this.find(tenant);
    if (move && move.step !== 'finished') return move.to === to;
    if (shard === to) return true;
    const asked = { from: shard, to, step: 'copying', askedBy, askedAt: now, steppedAt: now } as const;
    this.moves.set(tenant, { shard, move: asked });
    return true;
  }

  async finish(tenant: string, now: Date): Promise<boolean> {
    const { shard, move } = await this.find(tenant);
    if (move?.step === 'moved') this.moves.set(tenant, { shard, move: { ...move, step: 'finishing', steppedAt: now } });
    return move !== undefined && ['moved', 'finishing', 'finished'].includes(move.step);
  }
}

export class MemoryTenants extends MemoryPlace implements TenantRegistry {
  readonly rows = new Map<string, Tenant>();

  async create(tenant: Tenant): Promise<void> {
    this.reach();
    if (this.rows.has(tenant.id)) throw conflict();
    this.rows.set(tenant.id, tenant);
  }

  async get(id: string): Promise<Tenant | undefined> {
    this.reach();
    return this.rows.get(id);
  }

  async list(after: string | undefined, limit: number): Promise<readonly Tenant[]> {
    return pageOf([...this.rows.values()], ({ id }) => id, after, limit);
  }

  async rename(id: string, name: string): Promise<Tenant | undefined> {
    const tenant = this.rows.get(id);
    if (!tenant) return undefined;
    this.rows.set(id, { ...tenant, name });
    return this.rows.get(id);
  }
}

export class MemoryKeys extends MemoryPlace implements KeyRegistry {
  readonly rows = new Map<string, ApiKey>();

  async create(key: ApiKey): Promise<void> {
    this.reach();
    if (this.rows.has(`${key.tenant}/${key.keyId}`)) throw conflict();
    this.rows.set(`${key.tenant}/${key.keyId}`, key);
  }

  async get(tenant: string, keyId: string): Promise<ApiKey | undefined> {
    this.reach();
    return this.rows.get(`${tenant}/${keyId}`);
  }

  async list(tenant: string, after: string | undefined, limit: number): Promise<readonly ApiKey[]> {
    const own = [...this.rows.values()].filter((key) => key.tenant === tenant);
    return pageOf(own, ({ keyId }) => keyId, after, limit);
  }

  async revoke(tenant: string, keyId: string, at: Date): Promise<ApiKey | undefined> {
    const key = await this.get(tenant, keyId);
    if (key && !key.revokedAt) this.rows.set(`${tenant}/${keyId}`, { ...key, revokedAt: at });
    return this.get(tenant, keyId);
  }

  async rotate(
    tenant: string,
    keyId: string,
    { secretHash, previousUntil }: { readonly secretHash: string; readonly previousUntil: Date },
  ): Promise<ApiKey | undefined> {
    const key = await this.get(tenant, keyId);
    if (!key || key.revokedAt) return undefined;
    this.rows.set(`${tenant}/${keyId}`, { ...key, secretHash, previousHash: key.secretHash, previousUntil });
    return this.get(tenant, keyId);
  }
}

export class MemoryProjects extends MemoryPlace implements ProjectRegistry {
  readonly rows = new Map<string, { readonly project: Project; readonly environments: Map<string, Environment> }>();

  async create(tenant: string, project: Project): Promise<void> {
    if (this.rows.has(`${tenant}/${project.id}`)) throw conflict();
    this.rows.set(`${tenant}/${project.id}`, { project, environments: new Map() });
  }

  async get(tenant: string, projectId: string): Promise<Project | undefined> {
    return this.rows.get(`${tenant}/${projectId}`)?.project;
  }

  async list(tenant: string, after: string | undefined, limit: number): Promise<readonly Project[]> {
    const own = [...this.rows].filter(([name]) => name.startsWith(`${tenant}/`)).map(([, { project }]) => project);
    return pageOf(own, ({ id }) => id, after, limit);
  }

  async createEnvironment(tenant: string, projectId: string, environment: Environment): Promise<boolean> {
    const row = this.rows.get(`${tenant}/${projectId}`);
    if (row?.environments.has(environment.id)) throw conflict();
    row?.environments.set(environment.id, environment);
    return row !== undefined;
  }

  async listEnvironments(tenant: string, projectId: string, after: string | undefined, limit: number) {
    const row = this.rows.get(`${tenant}/${projectId}`);
    return row && pageOf([...row.environments.values()], ({ id }) => id, after, limit);
  }
}

export class MemoryPolicies extends MemoryPlace implements PolicyRegistry {
  readonly rows = new Map<string, { readonly version: number; readonly settings: TenantSettings }>();

  async get(tenant: string): Promise<{ readonly version: number; readonly settings: TenantSettings }> {
    this.reach();
    const empty: TenantSettings = { catalogue: [], tiers: {}, schemaMode: 'refuse', schemas: [] };
    return this.rows.get(tenant) ?? { version: 0, settings: empty };
  }

  async purposes(tenant: string): Promise<readonly string[] | undefined> {
    return (await this.get(tenant)).settings.purposes;
  }

  async put(tenant: string, settings: TenantSettings, version: number): Promise<number> {
    if ((await this.get(tenant)).version !== version) throw conflict();
    this.rows.set(tenant, { version: version + 1, settings });
    return version + 1;
  }
}

export class MemoryIssuers extends MemoryPlace implements IssuerRegistry {
  readonly rows = new Map<string, Issuer>();

  async create(issuer: Issuer): Promise<void> {
    this.reach();
    const clash = [...this.rows.values()].some((one) =>
      one.issuer === issuer.issuer
        ? one.tenant === issuer.tenant || one.tenantClaim === undefined || one.tenantClaim !== issuer.tenantClaim
        : one.tenant === issuer.tenant && one.subjectPrefix === issuer.subjectPrefix,
    );
    if (clash) throw conflict();
    this.rows.set(issuer.id, issuer);
  }

  async get(tenant: string, id: string): Promise<Issuer | undefined> {
    this.reach();
    const issuer = this.rows.get(id);
    return issuer?.tenant === tenant ? issuer : undefined;
  }

  async list(tenant: string, after: string | undefined, limit: number): Promise<readonly Issuer[]> {
    const own = [...this.rows.values()].filter((one) => one.tenant === tenant);
    return pageOf(own, ({ id }) => id, after, limit);
  }

  async remove(tenant: string, id: string): Promise<Issuer | undefined> {
    const issuer = await this.get(tenant, id);
    if (issuer) this.rows.delete(id);
    return issuer;
  }

  async allOf(issuer: string): Promise<readonly Issuer[]> {
    this.reach();
    const rows = [...this.rows.values()].filter((one) => one.issuer === issuer);
    return rows.sort((a, b) => (a.tenant < b.tenant ? -1 : 1));
  }
}
