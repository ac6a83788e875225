/** Functions and invocations as Lambda knows them: what runs, what it is given, how it ends, and the limits. */

/** What the template says about a function. */
export interface FunctionSpec {
  /** Physical name. */
  readonly name: string;
  readonly arn: string;
  /** Module that exports the handler. */
  readonly file: string;
  readonly handler: string;
  readonly environment: Readonly<Record<string, string>>;
  readonly memoryMb: number;
  readonly timeoutSeconds: number;
  readonly reservedConcurrency?: number | undefined;
  /** Asynchronous invocations: tries after the first, and the queue for what failed. */
  readonly asyncRetries?: number | undefined;
  readonly onFailureArn?: string | undefined;
}

/** What a worker is started with. */
export interface Environment {
  readonly file: string;
  readonly handler: string;
  readonly compileCache: string;
}

/** What a worker is sent for each invocation. */
export interface Invocation {
  /** JSON text. */
  readonly event: string;
  readonly deadlineMs: number;
  readonly context: object;
}

export interface Fault {
  readonly errorType: string;
  readonly errorMessage: string;
  readonly trace?: readonly string[];
}

export type Answer = { readonly result: string } | { readonly fault: Fault };

/** An invocation that Lambda answered with FunctionError: what the function threw, or how it ended. */
export class FunctionError extends Error {
  override readonly name = 'FunctionError';
  readonly fault: Fault;

  constructor(functionName: string, fault: Fault) {
    super(`${functionName}: ${fault.errorType}: ${fault.errorMessage}`);
    this.fault = fault;
  }
}

/** A request that Lambda refuses before it runs anything: its code and HTTP status. */
export class InvokeRefused extends Error {
  readonly code: 'ResourceNotFoundException' | 'RequestTooLargeException';
  readonly status: number;

  constructor(code: InvokeRefused['code'], status: number, message: string) {
    super(message);
    this.name = code;
    this.code = code;
    this.status = status;
  }
}

/** Lambda's limits of a payload, in bytes. */
export const syncPayloadBytesMax = 6 * 1024 * 1024;
export const asyncPayloadBytesMax = 1024 * 1024;

/** @throws InvokeRefused when the event is larger than Lambda takes */
export function refuseLarge(event: string, bytesMax: number): void {
  const bytes = Buffer.byteLength(event);
  if (bytes <= bytesMax) return;
  throw new InvokeRefused(
    'RequestTooLargeException',
    413,
    `${bytes} byte payload is too large for the invocation (limit ${bytesMax} bytes)`,
  );
}

/** What Lambda answers when the environment ended under the invocation. */
export function exitFault(requestId: string, message: string): Answer {
  return { fault: { errorType: 'Runtime.ExitError', errorMessage: `RequestId: ${requestId} Error: ${message}` } };
}

/** The variables that a function sees: those Lambda sets, then its own. */
export function environmentOf(spec: FunctionSpec, region: string): Record<string, string> {
  return {
    PATH: process.env.PATH ?? '',
    LANG: 'en_US.UTF-8',
    TZ: ':UTC',
    AWS_REGION: region,
    AWS_DEFAULT_REGION: region,
    // Every signature names its caller; nobody checks the rest of it here.
    AWS_ACCESS_KEY_ID: spec.name,
    AWS_SECRET_ACCESS_KEY: 'local',
    AWS_EXECUTION_ENV: 'AWS_Lambda_nodejs24.x',
    AWS_LAMBDA_FUNCTION_NAME: spec.name,
    AWS_LAMBDA_FUNCTION_VERSION: '$LATEST',
    AWS_LAMBDA_FUNCTION_MEMORY_SIZE: String(spec.memoryMb),
    AWS_LAMBDA_LOG_GROUP_NAME: `/aws/lambda/${spec.name}`,
    AWS_LAMBDA_LOG_STREAM_NAME: 'local',
    AWS_LAMBDA_INITIALIZATION_TYPE: 'on-demand',
    LAMBDA_TASK_ROOT: spec.file.slice(0, spec.file.lastIndexOf('/')),
    _HANDLER: `index.${spec.handler}`,
    ...spec.environment,
  };
}
