/**
 * Seal: what a batch says of people is encrypted before anything of it is stored.
 *
 * Secrets and card numbers go first and are counted. One question for all keys of the batch: Postgres is reached once
 * for the people that this environment has not met within five minutes.
 */
import type { TenantPolicy } from '#core/access/access.ts';
import type { Json } from '#core/event/event.ts';
import { type PersonalField, personalFields, withSubject } from '#core/privacy/fields.ts';
import { type Cipher, type SubjectKeys, subjectName, type TenantKeys, type WantedKey } from '#core/privacy/ports.ts';
import { sealEvent } from '#core/privacy/seal.ts';
import { dropSecrets } from '#core/privacy/secrets.ts';
import { tagsOf } from '#core/privacy/tags.ts';
import { saltBytes } from '#core/proof/commitment.ts';
import type { EventLine } from '#core/record/envelope.ts';
import type { Control } from '#core/record/ports.ts';
import { metric } from '#functions/runtime/observe.ts';

export interface SealPorts {
  readonly control: Pick<Control, 'tenant'>;
  readonly subjectKeys: Pick<SubjectKeys, 'tenant' | 'forWriting'>;
  readonly cipher: Cipher;
  readonly random: (bytes: number) => Uint8Array;
}

interface Planned {
  readonly event: EventLine['event'];
  readonly fields: readonly PersonalField[];
  readonly free: boolean;
}

/** The lines as they are stored. Rejects with `Unavailable` when the keys cannot be reached: then nothing is stored. */
export async function seal(ports: SealPorts, lines: readonly EventLine[]): Promise<EventLine[]> {
  const tenants = [...new Set(lines.map(({ event }) => event.tenant))];
  const policies = new Map<string, TenantPolicy | undefined>();
  const ownKeys = new Map<string, TenantKeys>();
  await Promise.all(
    tenants.map(async (tenant) => {
      policies.set(tenant, await ports.control.tenant(tenant));
      ownKeys.set(tenant, await ports.subjectKeys.tenant(tenant));
    }),
  );
  let secrets = 0;
  let cards = 0;
  const planned = lines.map(({ event, line }): Planned => {
    const tags = tagsOf(policies.get(event.tenant), event.action);
    const dropped = dropSecrets(withSubject(event, tags), line, tags);
    secrets += dropped.secrets;
    cards += dropped.cards;
    return { event: dropped.event, fields: personalFields(dropped.event, tags), free: tags !== undefined };
  });
  if (secrets > 0) metric('privacy', 'secretsDropped', secrets);
  if (cards > 0) metric('privacy', 'cardNumbersDropped', cards);
  const keys = await ports.subjectKeys.forWriting(wantedKeys(planned));
  // Drawn in one go: a call for each costs as much as an encryption.
  const salts = Buffer.from(ports.random(planned.length * saltBytes));
  return planned.map(({ event, fields, free }, index) => {
    const salt = salts.toString('base64url', index * saltBytes, (index + 1) * saltBytes);
    const receivedMs = Date.parse(event.received_at);
    const of = (subject: string) => {
      const { key, erased } = keys.get(subjectName(event.tenant, subject))!;
      // It lay in a queue while the person was erased.
      return erased && receivedMs <= erased.until ? erased.key : key;
    };
    return sealEvent(event, fields, { tenant: ownKeys.get(event.tenant)!, of }, ports.cipher, free, salt);
  });
}

/** Every person of the batch once, with the e-mail addresses that the batch knows of. */
function wantedKeys(planned: readonly Planned[]): WantedKey[] {
  const wanted = new Map<string, WantedKey & { readonly aliases: Set<string> }>();
  for (const { event, fields } of planned) {
    for (const { owner, find, value } of fields) {
      if (owner === undefined) continue;
      const name = subjectName(event.tenant, owner);
      let one = wanted.get(name);
      if (!one) {
        one = { tenant: event.tenant, subject: owner, aliases: new Set() };
        wanted.set(name, one);
      }
      if (find === 'email') one.aliases.add(addressOf(value));
    }
  }
  return [...wanted.values()];
}

const addressOf = (value: Json): string => String(value).toLowerCase();
