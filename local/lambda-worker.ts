/**
 * One execution environment: loads the handler once and serves one invocation at a time, as Lambda's runtime does.
 * Runs in a worker thread; its environment variables and limits were set by local/lambda.ts.
 */
import { enableCompileCache } from 'node:module';
import { pathToFileURL } from 'node:url';
import { parentPort, workerData } from 'node:worker_threads';
import type { Answer, Environment, Invocation } from './invocation.ts';

type Handler = (event: unknown, context: object) => unknown;

const { file, handler: handlerName, compileCache } = workerData as Environment;
enableCompileCache(compileCache);
const port = parentPort!;

/** Import failures answer the invocation that waited for them, and are tried again by the next environment. */
const loading: Promise<Handler> = import(pathToFileURL(file).href).then((module: Record<string, unknown>) => {
  const handler = module[handlerName] ?? (module.default as Record<string, unknown> | undefined)?.[handlerName];
  if (typeof handler !== 'function') throw new Error(`${file} exports no function ${handlerName}`);
  return handler as Handler;
});
loading.catch(() => {});

port.on('message', async ({ event, context, deadlineMs }: Invocation) => {
  try {
    const handler = await loading;
    const result = await handler(JSON.parse(event), {
      ...context,
      callbackWaitsForEmptyEventLoop: true,
      getRemainingTimeInMillis: () => Math.max(0, deadlineMs - Date.now()),
    });
    port.postMessage({ result: JSON.stringify(result) ?? 'null' } satisfies Answer);
  } catch (error) {
    const { name, message, stack } = error instanceof Error ? error : new Error(String(error));
    const fault = { errorType: name, errorMessage: message, trace: (stack ?? '').split('\n') };
    port.postMessage({ fault } satisfies Answer);
  }
});
