/** Secrets that tenants gave us for places of theirs: SSM SecureStrings under one path, one parameter each. */
import { DeleteParameterCommand, GetParameterCommand, PutParameterCommand, type SSMClient } from '@aws-sdk/client-ssm';
import type { TenantSecrets } from '#core/jobs/ports.ts';
import { nameOf, reach } from '../aws/clients.ts';

const place = 'SSM';
const uuid = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

export class SsmTenantSecrets implements TenantSecrets {
  readonly #client: SSMClient;
  readonly #path: string;

  /** `path` is as `/trailkeep/<stage>/secrets`. */
  constructor(client: SSMClient, path: string) {
    this.#client = client;
    this.#path = path;
  }

  async put(tenant: string, id: string, secret: string): Promise<void> {
    const input = { Name: this.#name(tenant, id), Value: secret, Type: 'SecureString', Overwrite: true } as const;
    await reach(place, () => this.#client.send(new PutParameterCommand(input)));
  }

  async get(tenant: string, id: string): Promise<string | undefined> {
    const input = { Name: this.#name(tenant, id), WithDecryption: true };
    return reach(place, async () => {
      try {
        const answer = await this.#client.send(new GetParameterCommand(input));
        return answer.Parameter?.Value;
      } catch (error) {
        if (nameOf(error) === 'ParameterNotFound') return undefined;
        throw error;
      }
    });
  }

  async remove(tenant: string, id: string): Promise<void> {
    await reach(place, async () => {
      try {
        await this.#client.send(new DeleteParameterCommand({ Name: this.#name(tenant, id) }));
      } catch (error) {
        if (nameOf(error) !== 'ParameterNotFound') throw error;
      }
    });
  }

  /** A name that is no UUID would reach another tenant's path, or ours. */
  #name(tenant: string, id: string): string {
    if (!uuid.test(tenant) || !uuid.test(id)) throw new TypeError('a secret is named by two UUIDs');
    return `${this.#path}/${tenant}/${id}`;
  }
}
