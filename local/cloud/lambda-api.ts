/** The part of the Lambda API that the platform calls: invocations, and mappings from queues to functions. */
import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { inputOf, jsonRefusal } from './aws-json.ts';
import { AwsError, type Exchange, notImplemented, type Reply, type Service } from './exchange.ts';
import { readState, writeState } from './state-file.ts';

/** A mapping in the API's own words. */
export type EventSourceMapping = Readonly<Record<string, unknown>> & {
  readonly UUID: string;
  readonly EventSourceArn: string;
  readonly FunctionArn: string;
};

/** Runs a function and resolves with its answer as JSON text; an asynchronous one is only started. */
export type Invoke = (reference: string, event: string, mode: 'wait' | 'start') => Promise<string | undefined>;

const mappingsPath = '/2015-03-31/event-source-mappings';
const mappable = new Set([
  'EventSourceArn',
  'FunctionName',
  'BatchSize',
  'MaximumBatchingWindowInSeconds',
  'FunctionResponseTypes',
  'ScalingConfig',
  'Enabled',
]);

export class LambdaApi implements Service {
  readonly name = 'lambda';
  readonly #file: string;
  readonly #arnPrefix: string;
  readonly #mappings: EventSourceMapping[];
  readonly #listeners: ((mapping: EventSourceMapping) => void)[] = [];
  #invoke: Invoke | undefined;

  constructor(options: { readonly folder: string; readonly region: string; readonly account: string }) {
    this.#file = join(options.folder, 'mappings.json');
    this.#arnPrefix = `arn:aws:lambda:${options.region}:${options.account}:function:`;
    this.#mappings = readState<EventSourceMapping[]>(this.#file, []);
  }

  /** Tells of every mapping: those that are there, at once, and those to come. */
  onMapping(listener: (mapping: EventSourceMapping) => void): void {
    this.#listeners.push(listener);
    for (const mapping of this.#mappings) listener(mapping);
  }

  onInvoke(invoke: Invoke): void {
    this.#invoke = invoke;
  }

  /** Starts a function without waiting for it. */
  start(reference: string, event: string): void {
    this.#invoke?.(reference, event, 'start').catch(() => {});
  }

  operationOf = ({ method, rawPath }: Exchange): string => {
    if (/\/functions\/[^/]+\/invocations$/.test(rawPath)) return 'Invoke';
    const [, verb] = [
      ['POST', 'Create'],
      ['GET', rawPath.replace(/\/$/, '') === mappingsPath ? 'List' : 'Get'],
      ['DELETE', 'Delete'],
    ].find(([one]) => one === method) ?? ['', method];
    return rawPath.startsWith(mappingsPath) ? `${verb}EventSourceMapping${verb === 'List' ? 's' : ''}` : rawPath;
  };

  async handle(exchange: Exchange): Promise<Reply> {
    const id = decodeURIComponent(exchange.rawPath.split('/')[3] ?? '');
    switch (this.operationOf(exchange)) {
      case 'Invoke':
        return this.#run(exchange, id);
      case 'CreateEventSourceMapping':
        return reply(202, this.#create(exchange));
      case 'ListEventSourceMappings':
        return reply(200, { EventSourceMappings: this.#list(exchange.query) });
      case 'GetEventSourceMapping':
        return reply(200, this.#mapping(id));
      case 'DeleteEventSourceMapping': {
        const mapping = this.#mapping(id);
        this.#mappings.splice(this.#mappings.indexOf(mapping), 1);
        this.#save();
        return reply(202, { ...mapping, State: 'Deleting' });
      }
      default:
        throw notImplemented(`Lambda ${exchange.method} ${exchange.rawPath}`);
    }
  }

  refuse = jsonRefusal;

  async #run({ body, headers }: Exchange, reference: string): Promise<Reply> {
    if (!this.#invoke) throw new AwsError(503, 'ServiceUnavailableException', 'The functions are not started yet.');
    const event = body.toString() || '{}';
    const type = headers['x-amz-invocation-type'] ?? 'RequestResponse';
    if (type === 'Event') {
      await this.#invoke(reference, event, 'start');
      return { status: 202, body: '' };
    }
    if (type !== 'RequestResponse') throw notImplemented(`Lambda invocation type ${type}`);
    try {
      return reply(200, (await this.#invoke(reference, event, 'wait')) ?? 'null');
    } catch (error) {
      const { fault, code, status, message } = error as Error & { fault?: object; code?: string; status?: number };
      if (fault) return reply(200, fault, { 'x-amz-function-error': 'Unhandled' });
      if (code !== undefined && status !== undefined) throw new AwsError(status, code, message);
      throw error;
    }
  }

  #create(exchange: Exchange): EventSourceMapping {
    const input = inputOf(exchange);
    const unknown = Object.keys(input).find((name) => !mappable.has(name));
    if (unknown !== undefined) throw notImplemented(`Lambda event source mapping ${unknown}`);
    const EventSourceArn = String(input.EventSourceArn);
    const FunctionArn = this.#arnOf(String(input.FunctionName));
    const same = this.#mappings.find((one) => one.EventSourceArn === EventSourceArn && one.FunctionArn === FunctionArn);
    if (same) {
      throw new AwsError(409, 'ResourceConflictException', `The mapping already exists: ${same.UUID}`);
    }
    const { FunctionName: _name, Enabled, ...settings } = input;
    const State = Enabled === false ? 'Disabled' : 'Enabled';
    const mapping = { BatchSize: 10, ...settings, UUID: randomUUID(), EventSourceArn, FunctionArn, State };
    this.#mappings.push(mapping);
    this.#save();
    if (State === 'Enabled') for (const listener of this.#listeners) listener(mapping);
    return mapping;
  }

  #list(query: URLSearchParams): EventSourceMapping[] {
    const queue = query.get('EventSourceArn');
    const reference = query.get('FunctionName');
    const unknown = [...query.keys()].find((name) => !['EventSourceArn', 'FunctionName', 'MaxItems'].includes(name));
    if (unknown !== undefined) throw notImplemented(`Lambda ListEventSourceMappings ${unknown}`);
    return this.#mappings
      .filter((one) => queue === null || one.EventSourceArn === queue)
      .filter((one) => reference === null || one.FunctionArn === this.#arnOf(reference));
  }

  #mapping(id: string): EventSourceMapping {
    const found = this.#mappings.find(({ UUID }) => UUID === id);
    if (!found) {
      throw new AwsError(404, 'ResourceNotFoundException', 'The resource you requested does not exist.');
    }
    return found;
  }

  #arnOf = (reference: string): string => (reference.startsWith('arn:') ? reference : this.#arnPrefix + reference);

  #save(): void {
    writeState(this.#file, this.#mappings);
  }
}

const reply = (status: number, body: object | string, headers: Record<string, string> = {}): Reply => ({
  status,
  headers: { 'content-type': 'application/json', ...headers },
  body: typeof body === 'string' ? body : JSON.stringify(body),
});
