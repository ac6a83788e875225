/**
 * What the local operations server serves: controllers of AppDynamics and one CMDB of ServiceNow. Whoever fills it says
 * what there is; the server says it in the products' own shapes. What changes by the day is a function of the day, so
 * months of history take no memory and the same day always gives the same answer.
 */

export interface OpsDataset {
  readonly controllers: readonly OpsController[];
  readonly serviceNow: OpsServiceNow;
}

export interface OpsClient {
  /** As AppDynamics writes it, `name@account`; ServiceNow has a plain name. */
  readonly id: string;
  readonly secret: string;
}

export interface OpsController {
  /** First part of its address: `http://127.0.0.1:<port>/<key>` stands for `https://<key>.saas.appdynamics.com`. */
  readonly key: string;
  readonly account: { readonly id: number; readonly name: string };
  readonly client: OpsClient;
  readonly packages: readonly OpsPackage[];
  readonly applications: readonly OpsApplication[];
  /** What was used on a day, YYYY-MM-DD in UTC; undefined for days that the controller has nothing of. */
  readonly usage: (day: string) => OpsUsage | undefined;
}

export interface OpsPackage {
  /** As `SAAS_ENTERPRISE`; prices are by this name. */
  readonly name: string;
  /** As `APM`, `RUM`, `INFRA`. */
  readonly family: string;
  readonly licenceUnits: number;
  /** YYYY-MM-DD. */
  readonly startDate: string;
  readonly expirationDate: string;
}

export interface OpsApplication {
  readonly id: number;
  readonly name: string;
  readonly description: string;
  /** Custom tags, as `{"h-code": "H4711", "owner": "Payments"}`. */
  readonly tags: Readonly<Record<string, string>>;
  readonly tiers: readonly OpsTier[];
}

export interface OpsTier {
  readonly id: number;
  readonly name: string;
  /** As `Application Server`. */
  readonly type: string;
  /** As `APP_AGENT`. */
  readonly agentType: string;
  /** Names of its nodes as they are now. */
  readonly nodes: readonly string[];
}

export interface OpsUsage {
  readonly packages: readonly {
    readonly name: string;
    readonly provisioned: number;
    readonly min: number;
    readonly avg: number;
    readonly max: number;
  }[];
  /** By id of application. `nodes` is the day's average, `calls` the day's sum. */
  readonly applications: ReadonlyMap<number, { readonly nodes: number; readonly vcpu: number; readonly calls: number }>;
}

/** Records are rows as the Table API gives them without display values: all strings, references as sys_id. */
export type OpsRecord = Readonly<Record<string, string>> & {
  /** 32 hexadecimal digits. */
  readonly sys_id: string;
  /** YYYY-MM-DD HH:MM:SS in UTC. */
  readonly sys_updated_on: string;
  readonly name: string;
};

export interface OpsServiceNow {
  readonly client: OpsClient;
  /** By table, as `cmdb_ci_appl`, `cmdb_ci_service`, `cmdb_ci_server`, `sys_user_group`. */
  readonly tables: Readonly<Record<string, readonly OpsRecord[]>>;
}
