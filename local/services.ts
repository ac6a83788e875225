/** What the platform needs of the local AWS services, and gives to them. */
import type { ScheduleListener } from './cloud/scheduler.ts';
import type { Endpoints } from './provision.ts';

/** Functions as the Lambda API sees them. */
export interface FunctionHost {
  /** Runs a function and resolves with its answer as JSON text. */
  invokeText(reference: string, event: string): Promise<string>;
  invokeAsync(reference: string, event: string): void;
}

/** A mapping that was made through the Lambda API, in the API's own words. */
export type MadeMapping = Readonly<Record<string, unknown>> & { readonly UUID?: string };

export interface Services {
  readonly endpoints: Endpoints;
  /** Makes what S3 holds so many days older and applies its lifecycle rules; resolves with how many versions they touched. */
  age(days: number): Promise<{ readonly moved: number; readonly expired: number }>;
  /** Listens to mappings made at run time, those of earlier runs included. */
  onMapping(listener: (mapping: MadeMapping) => void): void;
  /** Listens to schedules made at run time, those of earlier runs included. */
  onSchedule(listener: ScheduleListener): void;
  /** A schedule had its last run. */
  scheduleCompleted(key: string): void;
  stop(): Promise<void>;
}

/** A call that a service answered. */
export interface ServiceCall {
  /** The access key id of the signature: each function has its physical name as its own, everyone else `local`. */
  readonly caller: string;
  /** As the SDK's endpoint variables name it: s3, sqs, sns, ssm, kms, lambda, athena, scheduler, secretsmanager. */
  readonly service: string;
  /** As AWS names it, like PutObject. */
  readonly operation: string;
  readonly path: string;
  readonly query: URLSearchParams;
  readonly body: string;
  readonly status: number;
}

export type CallListener = (call: ServiceCall) => void;

/** Who signed a request, in its headers or in its address. */
export const callerOf = (headers: Readonly<Record<string, unknown>>, query?: URLSearchParams): string =>
  /Credential=([^/]+)\//.exec(String(headers.authorization))?.[1] ??
  query?.get('X-Amz-Credential')?.split('/')[0] ??
  '';

export interface ServiceOptions {
  /** State lives below it: `s3/`, `sqs/`, … */
  readonly folder: string;
  /** The port of the last start, when there was one: queue URLs hold it. 0 takes any. */
  readonly port: number;
  readonly region: string;
  readonly account: string;
  readonly functions: FunctionHost;
  readonly onCall?: CallListener | undefined;
}

export type StartServices = (options: ServiceOptions) => Promise<Services>;
