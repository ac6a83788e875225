/** The arrows of the house (ARCHITECTURE.md): who may import whom. */
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { describe, expect, test } from 'vitest';

interface Import {
  readonly from: string;
  readonly to: string;
  readonly typeOnly: boolean;
}

const files = execFileSync('git', ['ls-files', '-co', '--exclude-standard', '*.ts'], { encoding: 'utf8' })
  .split('\n')
  .filter((file) => file && !file.endsWith('.generated.ts'));

/** Every import of a file: repository paths for our own files, package or node: names for the rest. */
function importsOf(file: string): Import[] {
  const source = readFileSync(file, 'utf8').replace(/\/\*[\s\S]*?\*\//g, '');
  const pattern = /^(?:import|export)\s+(type\s+)?(?:[\w*{}\s,$]+?\s+from\s+)?'([^']+)'|\bimport\('([^']+)'\)/gm;
  return [...source.matchAll(pattern)].map(([, type, named, dynamic]) => {
    const to = (named ?? dynamic)!;
    const path = to.startsWith('#') ? to.slice(1) : to.startsWith('.') ? normalize(join(dirname(file), to)) : to;
    return { from: file, to: path, typeOnly: type !== undefined };
  });
}

const imports = files.flatMap(importsOf);
const top = (path: string) => path.split('/')[0]!;
const ours = new Set(['bin', 'lib', 'functions', 'core', 'stores', 'client', 'cli', 'local', 'bench', 'test']);
const isOurs = (path: string) => ours.has(top(path)) && path.includes('.ts');

/** The imports that break a rule, one a line. */
function broken(all: readonly Import[], rule: (one: Import) => boolean): string[] {
  return all.filter((one) => !rule(one)).map((one) => `${one.from} → ${one.to}`);
}

/** What each folder may import of our own. */
const allowed: Record<string, readonly string[]> = {
  core: ['core'],
  stores: ['stores', 'core'],
  functions: ['functions', 'core'],
  lib: ['lib'],
  client: ['client', 'core'],
  cli: ['cli', 'client', 'core'],
  local: ['local', 'functions', 'stores', 'core', 'client'],
  bin: ['bin', 'lib', 'local', 'cli', 'client', 'stores', 'core', 'functions'],
};
/** The only door from functions to stores, and the only type that lib takes from functions. */
const doors: readonly ((one: Import) => boolean)[] = [
  (one) => one.from === 'functions/runtime/open.ts' && top(one.to) === 'stores',
  (one) => top(one.from) === 'lib' && one.to === 'functions/runtime/env.ts' && one.typeOnly,
];
const areaOrder = ['event', 'record', 'proof', 'archive', 'query'];

describe('the arrows', () => {
  for (const [from, to] of Object.entries(allowed)) {
    test(`${from} imports ${to.join(', ')} and nothing else of ours`, () => {
      const rule = (one: Import) => to.includes(top(one.to)) || doors.some((door) => door(one));
      expect(
        broken(
          imports.filter((one) => top(one.from) === from && isOurs(one.to)),
          rule,
        ),
      ).toEqual([]);
    });
  }

  test('nothing imports test, bench or bin', () => {
    const outside = imports.filter((one) => !['test', 'bench', 'bin'].includes(top(one.from)) && isOurs(one.to));
    expect(broken(outside, (one) => !['test', 'bench', 'bin'].includes(top(one.to)))).toEqual([]);
  });

  test('core touches no node: module and no SDK', () => {
    const pure = ['zod', 'ajv', 'ajv-formats', 're2js', 'csv-parse', '@noble'];
    const outside = imports.filter((one) => top(one.from) === 'core' && !isOurs(one.to));
    expect(broken(outside, (one) => pure.includes(top(one.to)))).toEqual([]);
  });

  test('an area of core imports only the areas before it', () => {
    const inCore = imports.filter((one) => top(one.from) === 'core' && top(one.to) === 'core' && !one.typeOnly);
    const rank = (path: string) => {
      const area = path.split('/')[1]!;
      return areaOrder.includes(area) ? areaOrder.indexOf(area) : areaOrder.length;
    };
    expect(broken(inCore, (one) => rank(one.to) <= rank(one.from))).toEqual([]);
  });

  test('a verb imports no other area of functions', () => {
    const verbs = imports.filter((one) => top(one.from) === 'functions' && top(one.to) === 'functions');
    const area = (path: string) => path.split('/')[1];
    expect(broken(verbs, (one) => area(one.to) === 'runtime' || area(one.to) === area(one.from))).toEqual([]);
  });

  test('the AWS SDK is known to stores, the door and the tests only', () => {
    const sdk = imports.filter((one) => one.to.startsWith('@aws-sdk/'));
    expect(
      broken(
        sdk,
        (one) =>
          ['stores', 'test', 'bench', 'local'].includes(top(one.from)) || one.from === 'functions/runtime/open.ts',
      ),
    ).toEqual([]);
  });

  test('middy and Powertools are known to functions/runtime only', () => {
    const frames = imports.filter((one) => /^(@middy\/|@aws-lambda-powertools\/)/.test(one.to));
    expect(
      broken(frames, (one) => one.from.startsWith('functions/runtime/') || ['test', 'client'].includes(top(one.from))),
    ).toEqual([]);
  });

  test('there are no import cycles', () => {
    expect(cycles(imports.filter((one) => isOurs(one.to) && !one.typeOnly))).toEqual([]);
  });
});

describe('the shape', () => {
  test('no barrels and no drawers for odds and ends', () => {
    const drawer = /(^|\/)(index\.ts|utils?|common|shared|helpers)(\/|\.ts$|$)/;
    expect(files.filter((file) => drawer.test(file))).toEqual([]);
  });

  test('nothing asks whether it runs locally', () => {
    const asking = files.filter(
      (file) =>
        !/^(local|test|bin|cli)\//.test(file) &&
        /\bis_?local\b|process\.env\.\w*LOCAL/i.test(readFileSync(file, 'utf8')),
    );
    expect(asking).toEqual([]);
  });

  test('file names are kebab-case', () => {
    expect(files.filter((file) => !/^[a-z0-9./-]+$/.test(file))).toEqual([]);
  });

  test('a rule that is broken is seen', () => {
    const wrong = { from: 'core/event/x.ts', to: 'stores/s3/x.ts', typeOnly: false };
    expect(broken([wrong], (one) => top(one.to) === 'core')).toEqual(['core/event/x.ts → stores/s3/x.ts']);
    expect(cycles([wrong, { from: wrong.to, to: wrong.from, typeOnly: false }])).toHaveLength(1);
  });
});

/** Cycles in the graph of imports, each as its path. */
function cycles(edges: readonly Import[]): string[] {
  const graph = new Map<string, string[]>();
  for (const { from, to } of edges) graph.set(from, [...(graph.get(from) ?? []), to]);
  const found: string[] = [];
  const done = new Set<string>();
  const visit = (node: string, path: string[]) => {
    if (path.includes(node)) {
      found.push([...path.slice(path.indexOf(node)), node].join(' → '));
      return;
    }
    if (done.has(node)) return;
    for (const next of graph.get(node) ?? []) visit(next, [...path, node]);
    done.add(node);
  };
  for (const node of graph.keys()) visit(node, []);
  return found;
}
