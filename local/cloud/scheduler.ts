/**
 * EventBridge Scheduler's API: schedules and their groups, kept in a file. Whoever runs them (local/scheduler.ts) is
 * told of every change.
 *
 * What our schedules do not use is refused and not ignored: flexible windows, templated targets, tags.
 */
import { join } from 'node:path';
import { parseSchedule } from '#core/jobs/schedule-expression.ts';
import { type Input, inputOf, jsonRefusal, jsonReply } from './aws-json.ts';
import { AwsError, type Exchange, notImplemented, type Reply, type Service } from './exchange.ts';
import { readState, writeState } from './state-file.ts';

export interface MadeSchedule {
  readonly Name: string;
  readonly GroupName: string;
  readonly Arn: string;
  readonly ScheduleExpression: string;
  readonly ScheduleExpressionTimezone: string;
  readonly State: 'ENABLED' | 'DISABLED';
  readonly ActionAfterCompletion: 'NONE' | 'DELETE';
  readonly FlexibleTimeWindow: { readonly Mode: 'OFF' };
  readonly Description?: string;
  /** Seconds since 1970. */
  readonly StartDate?: number;
  readonly EndDate?: number;
  readonly CreationDate: number;
  readonly LastModificationDate: number;
  readonly Target: {
    readonly Arn: string;
    readonly RoleArn: string;
    readonly Input?: string;
    readonly RetryPolicy?: { readonly MaximumRetryAttempts?: number; readonly MaximumEventAgeInSeconds?: number };
    readonly DeadLetterConfig?: { readonly Arn?: string };
  };
}

/** Undefined when the schedule is gone. `key` is `group/name`. */
export type ScheduleListener = (key: string, schedule: MadeSchedule | undefined) => void;

interface State {
  readonly groups: readonly string[];
  readonly schedules: readonly (MadeSchedule & { readonly ClientToken?: string })[];
}

const known = {
  top: [
    ...['Name', 'GroupName', 'ClientToken', 'ScheduleExpression', 'ScheduleExpressionTimezone', 'State'],
    ...['ActionAfterCompletion', 'FlexibleTimeWindow', 'Description', 'StartDate', 'EndDate', 'Target'],
  ],
  target: ['Arn', 'RoleArn', 'Input', 'RetryPolicy', 'DeadLetterConfig'],
};
const nameShape = /^[\w.-]{1,64}$/;
const pageSizeMax = 100;

export class SchedulerApi implements Service {
  readonly name = 'scheduler';
  readonly #file: string;
  readonly #arnPrefix: string;
  readonly #now: () => number;
  readonly #groups: Set<string>;
  readonly #schedules: Map<string, State['schedules'][number]>;
  readonly #listeners: ScheduleListener[] = [];

  constructor(options: {
    readonly folder: string;
    readonly region: string;
    readonly account: string;
    readonly now: () => number;
  }) {
    this.#file = join(options.folder, 'schedules.json');
    this.#arnPrefix = `arn:aws:scheduler:${options.region}:${options.account}:`;
    this.#now = options.now;
    const { groups, schedules } = readState<State>(this.#file, { groups: ['default'], schedules: [] });
    this.#groups = new Set(groups);
    this.#schedules = new Map(schedules.map((one) => [keyOf(one.GroupName, one.Name), one]));
  }

  /** Tells of every schedule: those that are there, at once, and those to come, change and go. */
  onChange(listener: ScheduleListener): void {
    this.#listeners.push(listener);
    for (const [key, schedule] of this.#schedules) listener(key, schedule);
  }

  /** What a schedule does after its last run: it stays, or it goes. */
  complete(key: string): void {
    if (this.#schedules.get(key)?.ActionAfterCompletion === 'DELETE') this.#drop(key);
  }

  operationOf = ({ method, rawPath }: Exchange): string => {
    const [, folder, name] = rawPath.split('/');
    const verb = { POST: 'Create', PUT: 'Update', GET: name ? 'Get' : 'List', DELETE: 'Delete' }[method];
    const noun = folder === 'schedule-groups' ? 'ScheduleGroup' : 'Schedule';
    return `${verb ?? method}${noun}${verb === 'List' ? 's' : ''}`;
  };

  async handle(exchange: Exchange): Promise<Reply> {
    const name = decodeURIComponent(exchange.rawPath.split('/')[2] ?? '');
    const group = exchange.query.get('groupName') ?? 'default';
    switch (this.operationOf(exchange)) {
      case 'CreateSchedule':
        return jsonReply(this.#create(name, inputOf(exchange)));
      case 'UpdateSchedule':
        return jsonReply(this.#update(name, inputOf(exchange)));
      case 'GetSchedule': {
        const { ClientToken: _, ...shown } = this.#named(group, name);
        return jsonReply(shown);
      }
      case 'DeleteSchedule':
        this.#named(group, name);
        this.#drop(keyOf(group, name));
        return jsonReply({});
      case 'ListSchedules':
        return jsonReply(this.#list(exchange.query));
      case 'CreateScheduleGroup':
        return jsonReply(this.#createGroup(name));
      case 'GetScheduleGroup':
        if (!this.#groups.has(name)) throw missing(`Schedule group ${name}`);
        return jsonReply({ Name: name, Arn: this.#groupArn(name), State: 'ACTIVE' });
      default:
        throw notImplemented(`Scheduler ${exchange.method} ${exchange.rawPath}`);
    }
  }

  refuse = jsonRefusal;

  #create(name: string, input: Input): object {
    const key = keyOf(String(input.GroupName ?? 'default'), name);
    const there = this.#schedules.get(key);
    // The SDK repeats a call whose answer was lost, with the token of the first.
    if (there && there.ClientToken !== undefined && there.ClientToken === input.ClientToken) {
      return { ScheduleArn: there.Arn };
    }
    if (there) throw new AwsError(409, 'ConflictException', `Schedule ${name} already exists.`);
    return this.#put(name, input, this.#now());
  }

  #update(name: string, input: Input): object {
    return this.#put(name, input, this.#named(String(input.GroupName ?? 'default'), name).CreationDate * 1000);
  }

  /** An update says everything anew: what it leaves out is as if it had never been said. */
  #put(name: string, input: Input, createdMs: number): object {
    const schedule = this.#read(name, input, createdMs);
    const key = keyOf(schedule.GroupName, name);
    this.#schedules.set(key, schedule);
    this.#changed(key, schedule);
    return { ScheduleArn: schedule.Arn };
  }

  #read(name: string, input: Input, createdMs: number): State['schedules'][number] {
    refuseUnknown(input, known.top);
    if (!nameShape.test(name)) throw invalid(`${name} is not a name.`);
    const GroupName = String(input.GroupName ?? 'default');
    if (!this.#groups.has(GroupName)) throw missing(`Schedule group ${GroupName}`);
    const target = (input.Target ?? {}) as Record<string, unknown>;
    refuseUnknown(target, known.target);
    if (typeof target.Arn !== 'string' || typeof target.RoleArn !== 'string')
      throw invalid('A target needs Arn and RoleArn.');
    refuseRetries((target.RetryPolicy ?? {}) as Record<string, number>);
    const { Mode } = (input.FlexibleTimeWindow ?? {}) as { readonly Mode?: string };
    if (Mode === undefined) throw invalid('FlexibleTimeWindow is missing.');
    if (Mode !== 'OFF') throw notImplemented('a flexible time window');
    const ScheduleExpression = String(input.ScheduleExpression);
    const ScheduleExpressionTimezone = String(input.ScheduleExpressionTimezone ?? 'UTC');
    try {
      parseSchedule(ScheduleExpression, ScheduleExpressionTimezone)(createdMs);
    } catch (error) {
      throw invalid(`Invalid Schedule Expression ${ScheduleExpression}: ${(error as Error).message}`);
    }
    return {
      ...(input as unknown as MadeSchedule),
      ...{ Name: name, GroupName, ScheduleExpression, ScheduleExpressionTimezone },
      Arn: `${this.#arnPrefix}schedule/${keyOf(GroupName, name)}`,
      State: input.State === 'DISABLED' ? 'DISABLED' : 'ENABLED',
      ActionAfterCompletion: input.ActionAfterCompletion === 'DELETE' ? 'DELETE' : 'NONE',
      CreationDate: createdMs / 1000,
      LastModificationDate: this.#now() / 1000,
    };
  }

  #list(query: URLSearchParams): object {
    const group = query.get('ScheduleGroup');
    const prefix = query.get('NamePrefix') ?? '';
    const state = query.get('State');
    const after = query.get('NextToken') ?? '';
    const limit = Math.min(Number(query.get('MaxResults') ?? pageSizeMax), pageSizeMax);
    const found = [...this.#schedules]
      .filter(([key, one]) => key > after && one.Name.startsWith(prefix) && one.GroupName === (group ?? one.GroupName))
      .filter(([, one]) => state === null || one.State === state)
      .sort(([a], [b]) => (a < b ? -1 : 1));
    const page = found.slice(0, limit).map(([, one]) => ({
      ...{ Name: one.Name, GroupName: one.GroupName, Arn: one.Arn, State: one.State },
      ...{ CreationDate: one.CreationDate, LastModificationDate: one.LastModificationDate },
      Target: { Arn: one.Target.Arn },
    }));
    return { Schedules: page, ...(found.length > limit ? { NextToken: found[limit - 1]![0] } : {}) };
  }

  #createGroup(name: string): object {
    if (this.#groups.has(name)) throw new AwsError(409, 'ConflictException', `Schedule group ${name} already exists.`);
    if (!nameShape.test(name)) throw invalid(`${name} is not a name.`);
    this.#groups.add(name);
    this.#save();
    return { ScheduleGroupArn: this.#groupArn(name) };
  }

  #named(group: string, name: string): State['schedules'][number] {
    const found = this.#schedules.get(keyOf(group, name));
    if (!found) throw missing(`Schedule ${name}`);
    return found;
  }

  #drop(key: string): void {
    this.#schedules.delete(key);
    this.#changed(key, undefined);
  }

  #changed(key: string, schedule: MadeSchedule | undefined): void {
    this.#save();
    for (const listener of this.#listeners) listener(key, schedule);
  }

  #groupArn = (name: string): string => `${this.#arnPrefix}schedule-group/${name}`;

  #save(): void {
    writeState(this.#file, { groups: [...this.#groups], schedules: [...this.#schedules.values()] } satisfies State);
  }
}

const keyOf = (group: string, name: string): string => `${group}/${name}`;
const invalid = (message: string) => new AwsError(400, 'ValidationException', message);
const missing = (what: string) => new AwsError(404, 'ResourceNotFoundException', `${what} does not exist.`);

function refuseUnknown(input: Readonly<Record<string, unknown>>, names: readonly string[]): void {
  const unknown = Object.keys(input).find((name) => !names.includes(name));
  if (unknown !== undefined) throw notImplemented(`Scheduler ${unknown}`);
}

function refuseRetries({
  MaximumRetryAttempts: tries = 0,
  MaximumEventAgeInSeconds: age = 60,
}: Record<string, number>) {
  if (tries < 0 || tries > 185 || age < 60 || age > 86_400) throw invalid('RetryPolicy is out of its bounds.');
}
