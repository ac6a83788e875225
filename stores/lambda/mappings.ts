/** Plugs a queue into a function at run time. */
import {
  CreateEventSourceMappingCommand,
  type LambdaClient,
  ListEventSourceMappingsCommand,
} from '@aws-sdk/client-lambda';
import { nameOf, reach } from '../aws/clients.ts';

const place = 'Lambda';
const batchSize = 10;

export class LambdaMappings {
  readonly #client: LambdaClient;
  readonly #functionArn: string;

  /** `functionArn` names the alias that serves, so that a deployment moves every queue at once. */
  constructor(client: LambdaClient, functionArn: string) {
    this.#client = client;
    this.#functionArn = functionArn;
  }

  /** Maps the queue to the function; when it is mapped already nothing happens. */
  async ensure(queueArn: string): Promise<void> {
    const names = { EventSourceArn: queueArn, FunctionName: this.#functionArn };
    const listed = await reach(place, () => this.#client.send(new ListEventSourceMappingsCommand(names)));
    if (listed.EventSourceMappings?.some(({ State }) => State !== 'Deleting')) return;
    const input = { ...names, BatchSize: batchSize, FunctionResponseTypes: ['ReportBatchItemFailures' as const] };
    await reach(place, async () => {
      try {
        await this.#client.send(new CreateEventSourceMappingCommand(input));
      } catch (error) {
        // Someone opened the same queue at the same time.
        if (nameOf(error) !== 'ResourceConflictException') throw error;
      }
    });
  }
}
