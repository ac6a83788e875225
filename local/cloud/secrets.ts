/** Secrets Manager, as far as RDS fills it: reading secrets that the platform put in. */
import { inputOf, jsonRefusal, jsonReply, targetOf } from './aws-json.ts';
import { AwsError, type Exchange, notImplemented, type Reply, type Service } from './exchange.ts';

export class Secrets implements Service {
  readonly name = 'secretsmanager';
  readonly #secrets = new Map<string, string>();

  /** Kept in memory: who starts the cloud puts its secrets in at every start. */
  put(arn: string, secretString: string): void {
    this.#secrets.set(arn, secretString);
  }

  operationOf = targetOf;

  async handle(exchange: Exchange): Promise<Reply> {
    const operation = targetOf(exchange);
    if (operation !== 'GetSecretValue') throw notImplemented(`Secrets Manager ${operation}`);
    const arn = String(inputOf(exchange).SecretId);
    const SecretString = this.#secrets.get(arn);
    if (SecretString === undefined) {
      throw new AwsError(400, 'ResourceNotFoundException', "Secrets Manager can't find the specified secret.");
    }
    return jsonReply({ ARN: arn, Name: arn.split(':').at(-1), SecretString, VersionStages: ['AWSCURRENT'] });
  }

  refuse = jsonRefusal;
}
