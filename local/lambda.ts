/**
 * Lambda: functions as worker threads, one per concurrent execution.
 *
 * An invocation waits when its function, or the machine, has no free place. A worker that dies fails the
 * invocation it served and nothing else; the next one gets a new worker.
 */
import { randomUUID } from 'node:crypto';
import { availableParallelism, totalmem } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';
import {
  type Answer,
  asyncPayloadBytesMax,
  type Environment,
  environmentOf,
  exitFault,
  type Fault,
  FunctionError,
  type FunctionSpec,
  type Invocation,
  InvokeRefused,
  refuseLarge,
  syncPayloadBytesMax,
} from './invocation.ts';
import { LogFile } from './logs.ts';

export interface LambdaOptions {
  readonly logFolder: string;
  readonly compileCache: string;
  readonly region: string;
  /** Called once per crash with one line. */
  readonly notice?: (line: string) => void;
  /** Called with an asynchronous invocation that failed for good and has a queue for that. */
  readonly onFailure?: (arn: string, record: object) => Promise<void>;
  /** Workers alive at once over all functions. */
  readonly workersMax?: number;
  readonly idleMs?: number;
  /** Pause before the n-th asynchronous retry; Lambda waits one minute, then two. */
  readonly asyncRetryMs?: (retry: number) => number;
}

/** What a warm worker keeps, measured: about 30 MB. All of them together may have an eighth of the memory. */
const workersThatFit = Math.floor(totalmem() / 8 / (32 * 1024 * 1024));

interface Waiting {
  readonly event: string;
  readonly requestId: string;
  readonly settle: (answer: Answer) => void;
}

interface Pool {
  readonly spec: FunctionSpec;
  readonly log: LogFile;
  readonly idle: Live[];
  readonly busy: Set<Live>;
  readonly waiting: Waiting[];
  readonly concurrencyMax: number;
}

interface Live {
  readonly worker: Worker;
  readonly pool: Pool;
  idleSince: number;
  /** Ends the invocation it serves. */
  settle: ((answer: Answer) => void) | undefined;
}

export class Lambda {
  readonly #options: LambdaOptions;
  readonly #pools = new Map<string, Pool>();
  readonly #byArn = new Map<string, Pool>();
  readonly #workersMax: number;
  readonly #idleMs: number;
  readonly #sweeper: NodeJS.Timeout;
  readonly #stopping = new AbortController();
  readonly #background = new Set<Promise<void>>();
  #workers = 0;

  constructor(specs: readonly FunctionSpec[], options: LambdaOptions) {
    this.#options = options;
    const cores = availableParallelism();
    this.#workersMax = options.workersMax ?? Math.max(12, cores * 4, Math.min(workersThatFit, 96));
    this.#idleMs = options.idleMs ?? 300_000;
    for (const spec of specs) {
      const pool: Pool = {
        spec,
        log: new LogFile(options.logFolder, spec.name),
        idle: [],
        busy: new Set(),
        waiting: [],
        concurrencyMax: Math.max(1, Math.min(cores * 2, spec.reservedConcurrency ?? Number.POSITIVE_INFINITY)),
      };
      this.#pools.set(spec.name, pool);
      this.#byArn.set(spec.arn, pool);
    }
    this.#sweeper = setInterval(() => this.#retireIdle(), Math.min(30_000, this.#idleMs)).unref();
  }

  get names(): string[] {
    return [...this.#pools.keys()];
  }

  /** The spec behind a name, an ARN or a qualified ARN (alias or version); undefined when there is none. */
  find(reference: string): FunctionSpec | undefined {
    return this.#find(reference)?.spec;
  }

  /** How many executions a function may have at once here. */
  concurrencyOf(reference: string): number {
    return this.#must(reference).concurrencyMax;
  }

  /** Whether anything runs or waits, asynchronous retries included. */
  get busy(): boolean {
    return (
      this.#background.size > 0 || [...this.#pools.values()].some((pool) => pool.busy.size + pool.waiting.length > 0)
    );
  }

  /** Runs a function and resolves with its answer. Throws FunctionError or InvokeRefused. */
  async invoke(reference: string, event: unknown): Promise<unknown> {
    const text = await this.invokeText(reference, JSON.stringify(event ?? null));
    return JSON.parse(text) as unknown;
  }

  /** As invoke, with JSON text on both sides. */
  async invokeText(reference: string, event: string): Promise<string> {
    const pool = this.#must(reference);
    refuseLarge(event, syncPayloadBytesMax);
    const answer = await this.#run(pool, event);
    if ('fault' in answer) throw new FunctionError(pool.spec.name, answer.fault);
    const bytes = Buffer.byteLength(answer.result);
    if (bytes > syncPayloadBytesMax) {
      throw new FunctionError(pool.spec.name, {
        errorType: 'Function.ResponseSizeTooLarge',
        errorMessage: `Response payload size (${bytes} bytes) exceeded maximum allowed payload size (${syncPayloadBytesMax} bytes).`,
      });
    }
    return answer.result;
  }

  /** Takes an event to run it later: tries again, then hands it to the function's failure queue. */
  invokeAsync(reference: string, event: string): void {
    const pool = this.#must(reference);
    refuseLarge(event, asyncPayloadBytesMax);
    const run = this.#runAsync(pool, event).finally(() => this.#background.delete(run));
    this.#background.add(run);
  }

  /** Ends every running worker of a function at once, as a lost host would. Resolves with how many there were. */
  async kill(reference: string): Promise<number> {
    const pool = this.#must(reference);
    const live = [...pool.busy, ...pool.idle];
    await Promise.all(live.map((one) => one.worker.terminate()));
    return live.length;
  }

  /** Waits for what runs, at most so long, then ends every worker. */
  async stop(graceMs = 5_000): Promise<void> {
    clearInterval(this.#sweeper);
    this.#stopping.abort();
    const until = Date.now() + graceMs;
    while ([...this.#pools.values()].some((pool) => pool.busy.size > 0) && Date.now() < until) await sleep(10);
    for (const pool of this.#pools.values()) {
      for (const waiting of pool.waiting.splice(0))
        waiting.settle(exitFault(waiting.requestId, 'the platform stopped'));
      await Promise.all([...pool.busy, ...pool.idle].map((live) => live.worker.terminate()));
      pool.log.close();
    }
  }

  async #runAsync(pool: Pool, event: string): Promise<void> {
    const retries = pool.spec.asyncRetries ?? 2;
    const pause = this.#options.asyncRetryMs ?? ((retry: number) => retry * 60_000);
    for (let attempt = 0; ; attempt++) {
      const answer = await this.#run(pool, event);
      // A stop is not a failure of the function: what waits for a retry then is dropped, as the process is.
      if ('result' in answer || this.#stopping.signal.aborted) return;
      if (attempt === retries) {
        await this.#bury(pool, event, answer.fault, attempt + 1);
        return;
      }
      await sleep(pause(attempt + 1), undefined, { signal: this.#stopping.signal }).catch(() => {});
    }
  }

  async #bury(pool: Pool, event: string, fault: Fault, attempts: number): Promise<void> {
    if (!pool.spec.onFailureArn || !this.#options.onFailure) return;
    await this.#options.onFailure(pool.spec.onFailureArn, {
      version: '1.0',
      timestamp: new Date().toISOString(),
      requestContext: {
        functionArn: pool.spec.arn,
        condition: 'RetriesExhausted',
        approximateInvokeCount: attempts,
      },
      requestPayload: JSON.parse(event),
      responseContext: { statusCode: 200, functionError: 'Unhandled' },
      responsePayload: fault,
    });
  }

  #run(pool: Pool, event: string): Promise<Answer> {
    if (this.#stopping.signal.aborted) return Promise.resolve(exitFault('', 'the platform is stopping'));
    return new Promise((settle) => {
      pool.waiting.push({ event, requestId: randomUUID(), settle });
      this.#dispatch(pool);
    });
  }

  /** Starts what may start: a function's own queue first, then whoever waited for a place on the machine. */
  #dispatch(first: Pool): void {
    for (const pool of [first, ...this.#pools.values()]) {
      while (pool.waiting.length > 0 && pool.busy.size < pool.concurrencyMax) {
        const live = pool.idle.pop() ?? this.#start(pool);
        if (!live) break;
        this.#serve(live, pool.waiting.shift()!);
      }
    }
  }

  #serve(live: Live, { event, requestId, settle }: Waiting): void {
    const { pool, worker } = live;
    const { spec, log } = pool;
    pool.busy.add(live);
    const startedMs = Date.now();
    const deadlineMs = startedMs + spec.timeoutSeconds * 1000;
    log.write(`START RequestId: ${requestId} Version: $LATEST\n`);
    const timeout = setTimeout(() => {
      live.settle?.({
        fault: {
          errorType: 'Sandbox.Timedout',
          errorMessage: `RequestId: ${requestId} Error: Task timed out after ${spec.timeoutSeconds.toFixed(2)} seconds`,
        },
      });
      void worker.terminate();
    }, spec.timeoutSeconds * 1000);
    live.settle = (answer) => {
      clearTimeout(timeout);
      live.settle = undefined;
      if ('fault' in answer) log.write(`${JSON.stringify({ level: 'ERROR', requestId, ...answer.fault })}\n`);
      log.write(`END RequestId: ${requestId} Duration: ${Date.now() - startedMs} ms\n`);
      settle(answer);
    };
    const context = {
      awsRequestId: requestId,
      functionName: spec.name,
      functionVersion: '$LATEST',
      invokedFunctionArn: spec.arn,
      memoryLimitInMB: String(spec.memoryMb),
      logGroupName: `/aws/lambda/${spec.name}`,
      logStreamName: 'local',
    };
    worker.postMessage({ event, deadlineMs, context } satisfies Invocation);
  }

  /** A new worker, or nothing when the machine is full of busy ones. */
  #start(pool: Pool): Live | undefined {
    if (this.#workers >= this.#workersMax && !this.#evict()) return undefined;
    const { spec, log } = pool;
    const worker = new Worker(new URL('./lambda-worker.ts', import.meta.url), {
      env: environmentOf(spec, this.#options.region),
      // The parent's flags (a test runner's loaders, an inspector) are not the function's.
      execArgv: ['--enable-source-maps', '--disable-warning=ExperimentalWarning'],
      resourceLimits: { maxOldGenerationSizeMb: spec.memoryMb },
      stdout: true,
      stderr: true,
      workerData: {
        file: spec.file,
        handler: spec.handler,
        compileCache: this.#options.compileCache,
      } satisfies Environment,
    });
    this.#workers++;
    const live: Live = { worker, pool, idleSince: 0, settle: undefined };
    let died: Error | undefined;
    worker.stdout.on('data', (bytes: Uint8Array) => log.write(bytes));
    worker.stderr.on('data', (bytes: Uint8Array) => log.write(bytes));
    worker.on('message', (answer: Answer) => {
      const settle = live.settle;
      if (!settle) return;
      pool.busy.delete(live);
      live.idleSince = Date.now();
      pool.idle.push(live);
      settle(answer);
      this.#dispatch(pool);
    });
    worker.on('error', (error: Error) => {
      died = error;
    });
    worker.on('exit', (code) => this.#gone(live, code, died));
    worker.unref();
    return live;
  }

  #gone(live: Live, code: number, died: Error | undefined): void {
    const { pool, settle } = live;
    this.#workers--;
    pool.busy.delete(live);
    const at = pool.idle.indexOf(live);
    if (at >= 0) pool.idle.splice(at, 1);
    const reason = died ? died.message : `Runtime exited with status ${code}`;
    if (settle) settle(exitFault('', reason));
    if ((settle || died) && !this.#stopping.signal.aborted) {
      this.#options.notice?.(`${pool.spec.name} crashed (${reason.split('\n')[0]}); see ${pool.log.path}`);
    }
    if (died) pool.log.write(`${died.stack ?? died.message}\n`);
    this.#dispatch(pool);
  }

  /** Ends the worker that has been idle the longest, to make room. */
  #evict(): boolean {
    const idle = [...this.#pools.values()].flatMap((pool) => pool.idle);
    const oldest = idle.reduce<Live | undefined>((a, b) => (a && a.idleSince <= b.idleSince ? a : b), undefined);
    if (oldest) this.#retire(oldest);
    return oldest !== undefined;
  }

  #retireIdle(): void {
    const before = Date.now() - this.#idleMs;
    for (const pool of this.#pools.values()) {
      for (const live of pool.idle.filter((one) => one.idleSince < before)) this.#retire(live);
    }
  }

  #retire(live: Live): void {
    live.pool.idle.splice(live.pool.idle.indexOf(live), 1);
    void live.worker.terminate();
  }

  #find(reference: string): Pool | undefined {
    if (!reference.startsWith('arn:')) return this.#pools.get(reference.split(':')[0]!);
    return this.#byArn.get(reference.split(':').slice(0, 7).join(':'));
  }

  #must(reference: string): Pool {
    const pool = this.#find(reference);
    if (!pool) throw new InvokeRefused('ResourceNotFoundException', 404, `Function not found: ${reference}`);
    return pool;
  }
}
