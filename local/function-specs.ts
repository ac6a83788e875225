/** Functions and their event source mappings, as the template declares them. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { FunctionSpec } from './invocation.ts';
import type { Mapping } from './poller.ts';
import { type Loaded, type RunningResource, TemplateError } from './template.ts';

/** Reads the functions; `overrides` replaces variables of every function that knows them, `added` are new to all. */
export function readFunctions(
  loaded: Loaded,
  added: Readonly<Record<string, string>>,
  overrides: Readonly<Record<string, string>> = {},
): FunctionSpec[] {
  const retries = new Map(
    loaded.of('AWS::Lambda::EventInvokeConfig').map((one) => [functionName(one), one.properties]),
  );
  return loaded.of('AWS::Lambda::Function').map((one) => {
    const { attributes, properties } = one;
    const [module, handler] = String(properties.Handler).split('.') as [string, string];
    const variables =
      (properties.Environment as { readonly Variables?: Record<string, string> } | undefined)?.Variables ?? {};
    const known = Object.entries(overrides).filter(([name]) => name in variables);
    const invokeConfig = retries.get(attributes.ref);
    const destination = invokeConfig?.DestinationConfig as
      | { readonly OnFailure?: { readonly Destination: string } }
      | undefined;
    const deadLetter = properties.DeadLetterConfig as { readonly TargetArn?: string } | undefined;
    return {
      name: attributes.ref,
      arn: attributes.Arn!,
      file: moduleFile(one, module),
      handler,
      environment: { ...variables, ...Object.fromEntries(known), ...added },
      memoryMb: Number(properties.MemorySize ?? 128),
      timeoutSeconds: Number(properties.Timeout ?? 3),
      reservedConcurrency: optionalNumber(properties.ReservedConcurrentExecutions),
      asyncRetries: optionalNumber(invokeConfig?.MaximumRetryAttempts),
      onFailureArn: destination?.OnFailure?.Destination ?? deadLetter?.TargetArn,
    };
  });
}

/** Reads the mappings of SQS queues; `limit` is how many executions a function may have at once here. */
export function readMappings(loaded: Loaded, limit: (functionArn: string) => number): Mapping[] {
  return loaded
    .of('AWS::Lambda::EventSourceMapping')
    .filter(({ properties }) => properties.Enabled !== false)
    .map(({ id, properties }) => {
      if (properties.FilterCriteria) throw new TemplateError(`${id}: filters of mappings are not run here`);
      return readMapping(id, properties, limit);
    });
}

/** One mapping, from a template or from the Lambda API: both use the same names. */
export function readMapping(
  id: string,
  properties: Readonly<Record<string, unknown>>,
  limit: (functionArn: string) => number,
): Mapping {
  const queueArn = String(properties.EventSourceArn);
  if (!queueArn.startsWith('arn:aws:sqs:')) throw new TemplateError(`${id}: ${queueArn} is not a queue`);
  const functionArn = String(properties.FunctionName ?? properties.FunctionArn);
  const scaling = properties.ScalingConfig as { readonly MaximumConcurrency?: number } | undefined;
  const types = (properties.FunctionResponseTypes ?? []) as readonly string[];
  return {
    queueArn,
    functionArn,
    batchSize: Number(properties.BatchSize ?? 10),
    windowSeconds: Number(properties.MaximumBatchingWindowInSeconds ?? 0),
    concurrencyMax: Math.min(Number(scaling?.MaximumConcurrency ?? 1_000), limit(functionArn)),
    reportsItemFailures: types.includes('ReportBatchItemFailures'),
  };
}

const optionalNumber = (value: unknown) => (value === undefined ? undefined : Number(value));

function functionName({ properties }: RunningResource): string {
  const reference = String(properties.FunctionName);
  return reference.startsWith('arn:') ? reference.split(':')[6]! : reference;
}

function moduleFile({ id, stack, properties }: RunningResource, module: string): string {
  const code = properties.Code as { readonly S3Key?: string } | undefined;
  const folder = stack.assets.get(String(code?.S3Key).replace(/\.zip$/, ''));
  if (folder === undefined) throw new TemplateError(`${id}: its code is not a folder of the assembly`);
  const file = ['.mjs', '.js', '.cjs']
    .map((extension) => join(folder, module + extension))
    .find((one) => existsSync(one));
  if (file === undefined) throw new TemplateError(`${id}: ${folder} has no module ${module}`);
  return file;
}
