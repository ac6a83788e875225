/** Starts the local AWS services the way the platform asks for them. */
import type { ServiceOptions, Services } from '../services.ts';
import { startCloud as start } from './cloud.ts';

/** Every service on one port, with Lambda calls handed to the platform's functions. */
export async function startCloud(options: ServiceOptions): Promise<Services> {
  const { folder, port, region, account, functions, onCall } = options;
  const cloud = await start({
    folder,
    port,
    region,
    accountId: account,
    releaseHeld: true,
    ...(onCall ? { onCall } : {}),
  });
  cloud.lambda.onInvoke(async (reference, event, mode) => {
    if (mode === 'wait') return functions.invokeText(reference, event);
    functions.invokeAsync(reference, event);
    return undefined;
  });
  const { url } = cloud;
  return {
    endpoints: { s3: url, sqs: url, sns: url, ssm: url, kms: url, lambda: url, athena: url, scheduler: url },
    age: (days) => cloud.s3.age(days),
    onMapping: (listener) => cloud.lambda.onMapping(listener),
    onSchedule: (listener) => cloud.scheduler.onChange(listener),
    scheduleCompleted: (key) => cloud.scheduler.complete(key),
    stop: () => cloud.close(),
  };
}
