/**
 * The cloud assembly: what `bin/app.ts` synthesized into cdk.out, and when it must be made again.
 *
 * The stacks are read in the order of the manifest, which is the order in which CDK deploys them.
 */
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join, relative, resolve } from 'node:path';

export interface Resource {
  readonly Type: string;
  readonly Properties?: Readonly<Record<string, unknown>>;
  readonly Metadata?: Readonly<Record<string, unknown>>;
  readonly Condition?: string;
  readonly DependsOn?: string | readonly string[];
}

export interface Template {
  readonly Resources?: Readonly<Record<string, Resource>>;
  readonly Parameters?: Readonly<Record<string, { readonly Type: string; readonly Default?: unknown }>>;
  readonly Mappings?: Readonly<Record<string, Readonly<Record<string, Readonly<Record<string, unknown>>>>>>;
  readonly Conditions?: Readonly<Record<string, unknown>>;
  readonly Outputs?: Readonly<
    Record<string, { readonly Value: unknown; readonly Export?: { readonly Name: unknown } }>
  >;
}

export interface Stack {
  /** Name in CloudFormation. */
  readonly name: string;
  /** Absolute paths of its file assets by hash, which is also the name of their object in the asset bucket. */
  readonly assets: ReadonlyMap<string, string>;
  readonly template: Template;
}

interface Artifact {
  readonly type: string;
  readonly properties?: {
    readonly templateFile?: string;
    readonly stackName?: string;
    readonly directoryName?: string;
    readonly file?: string;
  };
}

/** All stacks of an assembly, those of nested assemblies (CDK stages) included, in the manifest's order. */
export function readAssembly(folder: string): Stack[] {
  const manifest = JSON.parse(readFileSync(join(folder, 'manifest.json'), 'utf8')) as {
    readonly artifacts?: Readonly<Record<string, Artifact>>;
  };
  const artifacts = Object.entries(manifest.artifacts ?? {});
  const assets = new Map(
    artifacts
      .filter(([, { type }]) => type === 'cdk:asset-manifest')
      .flatMap(([, { properties }]) => readAssets(folder, properties!.file!)),
  );
  return artifacts.flatMap(([id, { type, properties = {} }]) => {
    if (type === 'cdk:cloud-assembly') return readAssembly(join(folder, properties.directoryName!));
    if (type !== 'aws:cloudformation:stack') return [];
    const template = JSON.parse(readFileSync(join(folder, properties.templateFile!), 'utf8')) as Template;
    return [{ name: properties.stackName ?? id, assets, template }];
  });
}

function readAssets(folder: string, file: string): (readonly [string, string])[] {
  const { files = {} } = JSON.parse(readFileSync(join(folder, file), 'utf8')) as {
    readonly files?: Readonly<Record<string, { readonly source: { readonly path?: string } }>>;
  };
  return Object.entries(files).flatMap(([hash, { source }]) =>
    source.path === undefined ? [] : [[hash, resolve(folder, source.path)] as const],
  );
}

/** What Node compiled of the assembly's bundles, beside them: it is worth nothing to other bundles. */
export const compileCacheFolder = 'compile-cache';

/** Where the key of an assembly is noted, next to its manifest. */
const keyFile = 'content-key';

/** SHA-256 over the names and bytes of files and folders; one that is absent counts as absent. */
export function contentKey(root: string, paths: readonly string[], ...more: readonly string[]): string {
  const hash = createHash('sha256');
  const add = (path: string) => {
    if (!existsSync(path)) return;
    if (statSync(path).isDirectory()) {
      for (const name of readdirSync(path).sort()) add(join(path, name));
      return;
    }
    hash
      .update(`${relative(root, path)}\0`)
      .update(readFileSync(path))
      .update('\0');
  };
  for (const path of paths) add(join(root, path));
  for (const text of more) hash.update(`${text}\0`);
  return hash.digest('hex');
}

/** Whether the assembly in a folder was made from what the key stands for. */
export function isFresh(folder: string, key: string): boolean {
  const file = join(folder, keyFile);
  return existsSync(join(folder, 'manifest.json')) && existsSync(file) && readFileSync(file, 'utf8') === key;
}

export function markFresh(folder: string, key: string): void {
  writeFileSync(join(folder, keyFile), key);
}
