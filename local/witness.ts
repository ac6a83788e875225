/**
 * The witness of this machine: the same function and the same template as anywhere, at a port of its own.
 *
 * In the cloud an operator tells the logs' platform the witness's key and the witness the logs' key; here both keys are
 * made at the first start, so they are introduced to each other at every start.
 */
import { KMSClient } from '@aws-sdk/client-kms';
import { cosignatureType, ed25519Type, formatVerifier } from '#core/proof/note.ts';
import { nodeProofCrypto } from '#stores/crypto/proof-crypto.ts';
import { KmsSigner } from '#stores/kms/signer.ts';
import type { Loaded, RunningResource } from './template.ts';

type Variables = Readonly<Record<string, string>>;

/** The API of the witness's stack, and the others. */
export function splitApis(loaded: Loaded): { readonly witness?: RunningResource; readonly others: RunningResource[] } {
  const apis = loaded.of('AWS::ApiGateway::RestApi');
  const witness = apis.find(({ stack }) => stack.name.endsWith('-witness'));
  return { ...(witness ? { witness } : {}), others: apis.filter((one) => one !== witness) };
}

/** The variables by which witness and logs know each other. `url`: where the witness answers. */
export async function introduce(loaded: Loaded, kmsEndpoint: string, region: string, url: string): Promise<Variables> {
  const environments = loaded
    .of('AWS::Lambda::Function')
    .map(
      ({ properties }) => (properties.Environment as { readonly Variables?: Variables } | undefined)?.Variables ?? {},
    );
  const sealer = environments.find((one) => one.SIGNING_KEY_ARN && one.LOG_HOST);
  const witness = environments.find((one) => one.WITNESS_KEY_ARN && one.WITNESS_NAME);
  if (!sealer || !witness) return {};
  const credentials = { accessKeyId: 'local', secretAccessKey: 'local' };
  const kms = new KMSClient({ region, endpoint: kmsEndpoint, credentials });
  try {
    const name = witness.WITNESS_NAME!;
    const [own, logs] = await Promise.all(
      [witness.WITNESS_KEY_ARN!, sealer.SIGNING_KEY_ARN!].map((arn) => new KmsSigner(kms, arn).publicKey()),
    );
    const vkey = formatVerifier(nodeProofCrypto, name, cosignatureType, own!);
    return {
      WITNESSES: JSON.stringify([{ name, url, vkey }]),
      WITNESS_LOGS: `logs ${sealer.LOG_HOST}/t/ ${Buffer.from([ed25519Type, ...logs!]).toString('base64')}`,
    };
  } finally {
    kms.destroy();
  }
}
