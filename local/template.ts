/**
 * CloudFormation's intrinsics, evaluated: gives every resource a physical name and its attributes, and
 * answers properties as plain JSON. What it does not know, it refuses by name.
 */
import type { Resource, Stack } from './assembly.ts';
import { type Attributes, ignored, type Place, runs } from './resource-types.ts';

export interface RunningResource {
  readonly id: string;
  readonly stack: Stack;
  readonly type: string;
  readonly attributes: Attributes;
  readonly metadata: Readonly<Record<string, unknown>>;
  /** Properties with every intrinsic evaluated. */
  readonly properties: Readonly<Record<string, unknown>>;
}

export interface Loaded {
  /** What runs here, in the order of the stacks. */
  readonly resources: readonly RunningResource[];
  of(type: string): RunningResource[];
}

/** A template says something that the local platform does not know. */
export class TemplateError extends Error {
  override readonly name = 'TemplateError';
}

/** Evaluates all stacks of an assembly. Throws TemplateError on a type or an intrinsic that is not known. */
export function loadTemplates(stacks: readonly Stack[], place: Place): Loaded {
  refuseUnknownTypes(stacks);
  const evaluators = new Map<string, Evaluator>();
  for (const stack of stacks) evaluators.set(stack.name, new Evaluator(stack, place, evaluators));
  const resources = [...evaluators.values()].flatMap((evaluator) => evaluator.running());
  return { resources, of: (type) => resources.filter((one) => one.type === type) };
}

function refuseUnknownTypes(stacks: readonly Stack[]): void {
  const unknown = stacks.flatMap(({ name, template }) =>
    Object.entries(template.Resources ?? {})
      .filter(([, { Type }]) => !(Type in runs) && !(Type in ignored))
      .map(([id, { Type }]) => `${name}/${id} (${Type})`),
  );
  if (unknown.length > 0) {
    throw new TemplateError(`the local platform neither runs nor knowingly leaves out: ${unknown.join(', ')}`);
  }
}

type Json = Readonly<Record<string, unknown>>;
const isObject = (value: unknown): value is Json =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

class Evaluator {
  readonly #stack: Stack;
  readonly #place: Place;
  readonly #others: ReadonlyMap<string, Evaluator>;
  readonly #attributes = new Map<string, Attributes>();
  readonly #naming = new Set<string>();

  constructor(stack: Stack, place: Place, others: ReadonlyMap<string, Evaluator>) {
    this.#stack = stack;
    this.#place = place;
    this.#others = others;
  }

  running(): RunningResource[] {
    return Object.entries(this.#resources())
      .filter(([id, resource]) => resource.Type in runs && this.#exists(id))
      .map(([id, resource]) => ({
        id,
        stack: this.#stack,
        type: resource.Type,
        attributes: this.#attributesOf(id),
        metadata: resource.Metadata ?? {},
        properties: this.evaluate(resource.Properties ?? {}, `${id}.Properties`) as Json,
      }));
  }

  /** The value of an export, when this stack has it. */
  exported(name: string): unknown {
    for (const [output, { Value, Export }] of Object.entries(this.#stack.template.Outputs ?? {})) {
      if (Export && this.evaluate(Export.Name, output) === name) return this.evaluate(Value, output);
    }
    return undefined;
  }

  output(name: string): unknown {
    const output = this.#stack.template.Outputs?.[name];
    if (!output) throw this.#error(name, 'no such output');
    return this.evaluate(output.Value, name);
  }

  /** Plain JSON of a value; a property that is AWS::NoValue is left out. */
  evaluate(value: unknown, at: string): unknown {
    if (Array.isArray(value)) return value.map((one) => this.evaluate(one, at)).filter((one) => one !== undefined);
    if (!isObject(value)) return this.#plain(value, at);
    const [name, ...more] = Object.keys(value);
    if (more.length === 0 && name !== undefined && (name === 'Ref' || name.startsWith('Fn::'))) {
      return this.#intrinsic(name, value[name], at);
    }
    const entries = Object.entries(value).map(([key, one]) => [key, this.evaluate(one, `${at}.${key}`)] as const);
    return Object.fromEntries(entries.filter(([, one]) => one !== undefined));
  }

  #plain(value: unknown, at: string): unknown {
    if (typeof value === 'string' && value.includes('{{resolve:')) {
      throw this.#error(at, `dynamic reference ${value} is not supported here`);
    }
    return value;
  }

  #intrinsic(name: string, argument: unknown, at: string): unknown {
    switch (name) {
      case 'Ref':
        return this.#ref(String(argument), at);
      case 'Fn::GetAtt': {
        const [id, ...attribute] = Array.isArray(argument) ? argument : String(argument).split('.');
        return this.#getAtt(String(id), attribute.map((part) => String(this.evaluate(part, at))).join('.'), at);
      }
      case 'Fn::Join': {
        const [separator, parts] = argument as [string, unknown];
        return this.#list(parts, at).join(separator);
      }
      case 'Fn::Sub':
        return this.#sub(argument, at);
      case 'Fn::Select': {
        const [index, list] = argument as [unknown, unknown];
        return this.#list(list, at)[Number(this.evaluate(index, at))];
      }
      case 'Fn::Split': {
        const [separator, text] = argument as [string, unknown];
        return String(this.evaluate(text, at)).split(separator);
      }
      case 'Fn::If': {
        const [condition, yes, no] = argument as [string, unknown, unknown];
        return this.evaluate(this.#condition(condition, at) ? yes : no, at);
      }
      case 'Fn::FindInMap': {
        const [map, first, second] = (argument as unknown[]).map((part) => String(this.evaluate(part, at)));
        const found = this.#stack.template.Mappings?.[map!]?.[first!]?.[second!];
        if (found === undefined) throw this.#error(at, `no entry ${map}.${first}.${second} in Mappings`);
        return found;
      }
      case 'Fn::ImportValue': {
        const wanted = String(this.evaluate(argument, at));
        for (const other of this.#others.values()) {
          const found = other.exported(wanted);
          if (found !== undefined) return found;
        }
        throw this.#error(at, `no stack exports ${wanted}`);
      }
      case 'Fn::GetStackOutput': {
        const { StackName, OutputName } = this.evaluate(argument, at) as { StackName: string; OutputName: string };
        const other = this.#others.get(StackName);
        if (!other) throw this.#error(at, `no stack ${StackName} in the assembly`);
        return other.output(OutputName);
      }
      case 'Fn::GetAZs':
        return ['a', 'b', 'c'].map((zone) => this.#place.region + zone);
      case 'Fn::Base64':
        return Buffer.from(String(this.evaluate(argument, at))).toString('base64');
      case 'Fn::ToJsonString':
        return JSON.stringify(this.evaluate(argument, at));
      case 'Fn::Length':
        return this.#list(argument, at).length;
      case 'Fn::Equals': {
        const [left, right] = (argument as unknown[]).map((part) => JSON.stringify(this.evaluate(part, at)));
        return left === right;
      }
      case 'Fn::Not':
        return !this.#truth((argument as unknown[])[0], at);
      case 'Fn::And':
        return (argument as unknown[]).every((one) => this.#truth(one, at));
      case 'Fn::Or':
        return (argument as unknown[]).some((one) => this.#truth(one, at));
      default:
        throw this.#error(at, `intrinsic ${name} is not known here`);
    }
  }

  #ref(name: string, at: string): unknown {
    if (name.startsWith('AWS::')) return this.#pseudo(name, at);
    if (name in this.#resources()) return this.#attributesOf(name).ref;
    const parameter = this.#stack.template.Parameters?.[name];
    if (!parameter) throw this.#error(at, `Ref to ${name}, which is neither a resource nor a parameter`);
    if (parameter.Default === undefined) throw this.#error(at, `parameter ${name} has no default`);
    return parameter.Default;
  }

  #pseudo(name: string, at: string): unknown {
    const pseudo: Record<string, unknown> = {
      'AWS::Region': this.#place.region,
      'AWS::AccountId': this.#place.account,
      'AWS::Partition': 'aws',
      'AWS::URLSuffix': 'amazonaws.com',
      'AWS::StackName': this.#stack.name,
      'AWS::StackId': `arn:aws:cloudformation:${this.#place.region}:${this.#place.account}:stack/${this.#stack.name}/local`,
      'AWS::NoValue': undefined,
    };
    if (!(name in pseudo)) throw this.#error(at, `pseudo parameter ${name} is not known here`);
    return pseudo[name];
  }

  #getAtt(id: string, attribute: string, at: string): string {
    if (!(id in this.#resources())) throw this.#error(at, `Fn::GetAtt to ${id}, which does not exist`);
    const attributes = this.#attributesOf(id);
    if (attribute in attributes) return attributes[attribute]!;
    const type = this.#resources()[id]!.Type;
    if (type in ignored) return `arn:aws:ignored:${this.#place.region}:${this.#place.account}:${id}/${attribute}`;
    throw this.#error(at, `attribute ${attribute} of ${id} (${type}) is not known here`);
  }

  #attributesOf(id: string): Attributes {
    const known = this.#attributes.get(id);
    if (known) return known;
    if (this.#naming.has(id)) throw this.#error(id, 'its name depends on itself');
    this.#naming.add(id);
    const resource = this.#resources()[id]!;
    const properties = resource.Properties ?? {};
    const name = (property: string) => {
      const value = properties[property];
      return value === undefined ? undefined : String(this.evaluate(value, `${id}.${property}`));
    };
    const naming = runs[resource.Type];
    const attributes = naming
      ? naming(
          { stack: this.#stack.name, id, properties, name, refer: (property) => name(property) ?? '' },
          this.#place,
        )
      : { ref: id };
    this.#attributes.set(id, attributes);
    return attributes;
  }

  #sub(argument: unknown, at: string): string {
    const [text, own] = Array.isArray(argument) ? (argument as [string, Json]) : [String(argument), {}];
    return text.replace(/\$\{(!?)([^}]+)\}/g, (_, literal: string, name: string) => {
      if (literal) return `\${${name}}`;
      if (name in own) return String(this.evaluate(own[name], at));
      const [id, ...attribute] = name.split('.');
      return String(attribute.length > 0 ? this.#getAtt(id!, attribute.join('.'), at) : this.#ref(name, at));
    });
  }

  #list(value: unknown, at: string): unknown[] {
    const list = this.evaluate(value, at);
    if (!Array.isArray(list)) throw this.#error(at, 'a list is needed here');
    return list;
  }

  #condition(name: string, at: string): boolean {
    const condition = this.#stack.template.Conditions?.[name];
    if (condition === undefined) throw this.#error(at, `no condition ${name}`);
    return this.#truth(condition, at);
  }

  #truth(value: unknown, at: string): boolean {
    if (isObject(value) && typeof value.Condition === 'string') return this.#condition(value.Condition, at);
    return this.evaluate(value, at) === true;
  }

  #exists(id: string): boolean {
    const condition = this.#resources()[id]!.Condition;
    return condition === undefined || this.#condition(condition, id);
  }

  #resources(): Readonly<Record<string, Resource>> {
    return this.#stack.template.Resources ?? {};
  }

  #error(at: string, what: string): TemplateError {
    return new TemplateError(`${this.#stack.name}: ${at}: ${what}`);
  }
}
