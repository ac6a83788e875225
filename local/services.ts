/** What the platform needs of the local AWS services, and gives to them. */
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
  /** Listens to mappings made at run time, those of earlier runs included. */
  onMapping(listener: (mapping: MadeMapping) => void): void;
  stop(): Promise<void>;
}

export interface ServiceOptions {
  /** State lives below it: `s3/`, `sqs/`, … */
  readonly folder: string;
  /** The port of the last start, when there was one: queue URLs hold it. 0 takes any. */
  readonly port: number;
  readonly region: string;
  readonly account: string;
  readonly functions: FunctionHost;
}

export type StartServices = (options: ServiceOptions) => Promise<Services>;
