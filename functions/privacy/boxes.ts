/** What a request says of a person, sealed under that person's key: it dies with it. */
import { Problem } from '#core/event/problem.ts';
import { type Cipher, type DataKey, type SubjectKeys, subjectName } from '#core/privacy/ports.ts';

export interface BoxPorts {
  readonly subjectKeys: Pick<SubjectKeys, 'forWriting' | 'open'>;
  readonly cipher: Cipher;
}

/** A text in a row: which row, and what it is there. */
export interface BoxPlace {
  readonly tenant: string;
  readonly id: string;
  readonly what: 'subject' | 'contact' | 'statement' | 'package';
}

const contextOf = ({ tenant, id, what }: BoxPlace): string => `privacy|${tenant}|${id}|${what}`;

/**
 * The subject's key, stored for sure. Throws `erasure_under_way` when an erasure has just destroyed it: what is sealed
 * now could never be opened.
 */
export async function subjectKey(ports: BoxPorts, tenant: string, subject: string): Promise<DataKey> {
  const keys = await ports.subjectKeys.forWriting([{ tenant, subject, aliases: new Set() }]);
  const { key } = keys.get(subjectName(tenant, subject))!;
  const [opened] = (await ports.subjectKeys.open(tenant, [key.id], true)).values();
  if (opened?.state === 'live') return key;
  throw new Problem('erasure_under_way', 'This subject is being erased. Ask again when that is completed.');
}

/** `<key id>.<box>` */
export const sealBox = ({ cipher }: BoxPorts, key: DataKey, place: BoxPlace, text: string): string =>
  `${key.id}.${cipher.seal(key.cipher, text, contextOf(place))}`;

const keyIdOf = (box: string): string => box.slice(0, box.indexOf('.'));

/** The texts of boxes of one tenant, in order; undefined where the key is gone. */
export async function openBoxes(
  ports: BoxPorts,
  tenant: string,
  boxes: readonly { readonly place: BoxPlace; readonly box: string }[],
): Promise<readonly (string | undefined)[]> {
  const ids = [...new Set(boxes.map(({ box }) => keyIdOf(box)))];
  const keys = await ports.subjectKeys.open(tenant, ids, true);
  return boxes.map(({ place, box }) => {
    const opened = keys.get(keyIdOf(box));
    if (opened?.state !== 'live') return undefined;
    return ports.cipher.open(opened.key.cipher, box.slice(box.indexOf('.') + 1), contextOf(place));
  });
}
