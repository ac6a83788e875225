/** SSM Parameter Store over AWS JSON 1.1. Values are kept in a file that only its owner may read. */
import { join } from 'node:path';
import { type Input, inputOf, jsonRefusal, jsonReply, targetOf } from './aws-json.ts';
import { AwsError, type Exchange, notImplemented, type Reply, type Service } from './exchange.ts';
import { readState, writeState } from './state-file.ts';

interface Parameter {
  readonly name: string;
  readonly type: string;
  readonly value: string;
  readonly version: number;
  /** ms */
  readonly at: number;
}

export class Ssm implements Service {
  readonly name = 'ssm';
  readonly #file: string;
  readonly #arnPrefix: string;
  readonly #now: () => number;
  readonly #parameters: Map<string, Parameter>;

  constructor(options: {
    readonly folder: string;
    readonly region: string;
    readonly account: string;
    readonly now: () => number;
  }) {
    this.#file = join(options.folder, 'parameters.json');
    this.#arnPrefix = `arn:aws:ssm:${options.region}:${options.account}:parameter`;
    this.#now = options.now;
    this.#parameters = new Map(readState<Parameter[]>(this.#file, []).map((one) => [one.name, one]));
  }

  /** Sets a parameter, whether or not it is there; returns its version. */
  put(name: string, value: string, type = 'String'): number {
    const version = (this.#parameters.get(name)?.version ?? 0) + 1;
    this.#parameters.set(name, { name, type, value, version, at: this.#now() });
    this.#save();
    return version;
  }

  operationOf = targetOf;

  async handle(exchange: Exchange): Promise<Reply> {
    return jsonReply(this.#do(targetOf(exchange), inputOf(exchange)));
  }

  refuse = jsonRefusal;

  #do(operation: string, input: Input): object {
    switch (operation) {
      case 'PutParameter':
        return this.#putParameter(input);
      case 'GetParameter':
        return { Parameter: this.#shown(this.#named(String(input.Name))) };
      case 'GetParameters': {
        const names = (input.Names ?? []) as string[];
        const [there, missing] = [true, false].map((is) => names.filter((one) => this.#parameters.has(one) === is));
        return { Parameters: there!.map((one) => this.#shown(this.#named(one))), InvalidParameters: missing };
      }
      case 'GetParametersByPath':
        return this.#byPath(input);
      case 'DeleteParameter': {
        this.#parameters.delete(this.#named(String(input.Name)).name);
        this.#save();
        return {};
      }
      default:
        throw notImplemented(`SSM ${operation}`);
    }
  }

  #putParameter({ Name, Value, Type, Overwrite }: Input): object {
    const name = String(Name);
    const before = this.#parameters.get(name);
    if (before && Overwrite !== true) {
      throw new AwsError(400, 'ParameterAlreadyExists', 'The parameter already exists; Overwrite is not set.');
    }
    const type = Type ?? before?.type;
    if (!['String', 'StringList', 'SecureString'].includes(String(type))) {
      throw new AwsError(400, 'ValidationException', 'A parameter needs a type: String, StringList or SecureString.');
    }
    if (typeof Value !== 'string' || Value === '') {
      throw new AwsError(400, 'ValidationException', 'A parameter needs a value.');
    }
    return { Version: this.put(name, Value, String(type)), Tier: 'Standard' };
  }

  #byPath(input: Input): object {
    if (input.ParameterFilters) throw notImplemented('SSM ParameterFilters');
    const path = String(input.Path).replace(/\/?$/, '/');
    const found = [...this.#parameters.values()]
      .filter(({ name }) => name.startsWith(path))
      .filter(({ name }) => input.Recursive === true || !name.slice(path.length).includes('/'))
      .toSorted((a, b) => (a.name < b.name ? -1 : 1));
    const from = Number(input.NextToken ?? 0);
    const to = from + Number(input.MaxResults ?? 10);
    return {
      Parameters: found.slice(from, to).map((one) => this.#shown(one)),
      ...(to < found.length ? { NextToken: String(to) } : {}),
    };
  }

  /** By name, or by the ARN that names it. */
  #named(nameOrArn: string): Parameter {
    const name = nameOrArn.startsWith('arn:') ? nameOrArn.slice(nameOrArn.indexOf(':parameter') + 10) : nameOrArn;
    const found = this.#parameters.get(name) ?? this.#parameters.get(name.replace(/^\//, ''));
    if (!found) throw new AwsError(400, 'ParameterNotFound', `There is no parameter ${nameOrArn}.`);
    return found;
  }

  /** Secure strings come back in clear: there is no key here that could protect them from who runs this process. */
  #shown = ({ name, type, value, version, at }: Parameter): object => ({
    Name: name,
    Type: type,
    Value: value,
    Version: version,
    LastModifiedDate: at / 1000,
    ARN: `${this.#arnPrefix}${name.startsWith('/') ? '' : '/'}${name}`,
    DataType: 'text',
  });

  #save(): void {
    writeState(this.#file, [...this.#parameters.values()]);
  }
}
