/** Makes what the template declares for Athena: the Glue catalogue's databases and tables, and workgroups. */
import type { Loaded } from './template.ts';

interface Tables {
  readonly databases: readonly string[];
  readonly tables: readonly { readonly database: string; readonly input: object }[];
  readonly workGroups: readonly { readonly name: string; readonly configuration: object }[];
}

export const athenaOf = (loaded: Loaded): Tables => ({
  databases: loaded.of('AWS::Glue::Database').map(({ attributes }) => attributes.ref),
  tables: loaded.of('AWS::Glue::Table').map(({ properties }) => ({
    database: String(properties.DatabaseName),
    input: properties.TableInput as object,
  })),
  workGroups: loaded.of('AWS::Athena::WorkGroup').map(({ attributes, properties }) => ({
    name: attributes.ref,
    configuration: (properties.WorkGroupConfiguration ?? {}) as object,
  })),
});

/** By the calls that anyone would make; what is there takes its new settings. */
export async function provisionAthena(endpoint: string, { databases, tables, workGroups }: Tables): Promise<void> {
  for (const Name of databases) await ensured(endpoint, 'AWSGlue.CreateDatabase', { DatabaseInput: { Name } });
  for (const { database, input } of tables) {
    const table = { DatabaseName: database, TableInput: input };
    await ensured(endpoint, 'AWSGlue.CreateTable', table, 'AWSGlue.UpdateTable', table);
  }
  for (const { name, configuration } of workGroups) {
    await ensured(
      endpoint,
      'AmazonAthena.CreateWorkGroup',
      { Name: name, Configuration: configuration },
      'AmazonAthena.UpdateWorkGroup',
      { WorkGroup: name, ConfigurationUpdates: configuration },
    );
  }
}

/** Makes it, or brings it up to date when it is there. */
async function ensured(
  endpoint: string,
  make: string,
  input: object,
  update?: string,
  updateInput?: object,
): Promise<void> {
  const made = await call(endpoint, make, input);
  if (made === undefined || !/already/i.test(made)) {
    if (made !== undefined) throw new Error(`${make}: ${made}`);
    return;
  }
  const updated = update && (await call(endpoint, update, updateInput ?? {}));
  if (updated !== undefined) throw new Error(`${update}: ${updated}`);
}

/** What it was refused with, or undefined. Glue has no client among our packages, and needs none for this. */
async function call(endpoint: string, target: string, input: object): Promise<string | undefined> {
  const response = await fetch(endpoint, {
    method: 'POST',
    headers: { 'x-amz-target': target, 'content-type': 'application/x-amz-json-1.1' },
    body: JSON.stringify(input),
  });
  const text = await response.text();
  return response.ok ? undefined : text;
}
