/** A stage's templates, synthesized in process with stub code: no bundles, no credentials, no network. */
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { App, type IPolicyValidationPlugin, Validations } from 'aws-cdk-lib';
import { featureFlags } from '#lib/feature-flags.ts';
import { addPlatform } from '#lib/platform.ts';
import { settingsOf } from '#lib/settings.ts';
import { addWitness } from '#lib/witness-stack.ts';

export type Json = { readonly [key: string]: unknown };

export interface Resource {
  readonly Type: string;
  readonly Properties: Json;
  readonly DeletionPolicy?: string;
}

export interface Template {
  readonly Resources: Readonly<Record<string, Resource>>;
  readonly Outputs?: Readonly<Record<string, { readonly Value: unknown }>>;
}

export interface Assembly {
  readonly stage: string;
  /** By stack name. */
  readonly templates: Readonly<Record<string, Template>>;
  /** Stack name → the stacks that must be there before it. */
  readonly needs: Readonly<Record<string, readonly string[]>>;
  /** Every resource with its stack. */
  all(type?: string): readonly (Resource & { readonly id: string; readonly stack: string })[];
}

/**
 * Synthesizes a stage; findings of the plugins throw, and with plugins those of CDK's own validator too, which takes
 * longer than all the rest. `witness`: its stack as well.
 */
export function synthesize(
  stage: string,
  plugins?: (app: App) => readonly IPolicyValidationPlugin[],
  { witness = false }: { readonly witness?: boolean } = {},
): Assembly {
  const outdir = mkdtempSync(join(tmpdir(), 'trailkeep-synth-'));
  const app = new App({
    context: { ...featureFlags, 'aws:cdk:enable-path-metadata': true },
    builtinCloudFormationValidation: plugins !== undefined,
    outdir,
  });
  addPlatform(app, settingsOf(stage), 'stub');
  if (witness) addWitness(app, settingsOf(stage), 'stub');
  if (plugins) Validations.of(app).addPlugins(...plugins(app));
  const assembly = app.synth();
  const templates: Record<string, Template> = Object.fromEntries(
    assembly.stacks.map((stack) => [stack.stackName, stack.template as Template]),
  );
  const needs = Object.fromEntries(
    assembly.stacks.map((one) => [
      one.stackName,
      one.dependencies.map((other) => other.id).filter((id) => id in templates),
    ]),
  );
  const resources = Object.entries(templates).flatMap(([stack, template]) =>
    Object.entries(template.Resources).map(([id, resource]) => ({ ...resource, id, stack })),
  );
  return {
    stage,
    templates,
    needs,
    all: (type) => resources.filter((one) => type === undefined || one.Type === type),
  };
}
