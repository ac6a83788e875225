/** Keys of tenants and subjects in memory: for tests of verbs that do not store keys. */
import { randomBytes } from 'node:crypto';
import { type DataKey, type OpenedKey, type SubjectKeys, subjectName, type WantedKey } from '#core/privacy/ports.ts';
import { cipherKey, dataKeyOf } from '#stores/crypto/cipher.ts';
import { MemoryPlace } from './memory.ts';

export class MemorySubjectKeys extends MemoryPlace implements SubjectKeys {
  readonly keys = new Map<string, DataKey>();
  readonly aliases = new Map<string, Set<string>>();
  readonly states = new Map<string, Exclude<OpenedKey['state'], 'live'>>();
  readonly #tenants = new Map<string, Awaited<ReturnType<SubjectKeys['tenant']>>>();

  async tenant(tenant: string) {
    this.reach();
    const held = this.#tenants.get(tenant) ?? { own: dataKeyOf(randomBytes(32)), blind: cipherKey(randomBytes(32)) };
    this.#tenants.set(tenant, held);
    return held;
  }

  async forWriting(wanted: readonly WantedKey[]) {
    this.reach();
    const found = new Map<string, { readonly key: DataKey }>();
    for (const { tenant, subject, aliases } of wanted) {
      const name = subjectName(tenant, subject);
      const key = this.keys.get(name) ?? dataKeyOf(randomBytes(32));
      this.keys.set(name, key);
      found.set(name, { key });
      for (const alias of aliases) {
        const known = this.aliases.get(subjectName(tenant, alias)) ?? new Set();
        this.aliases.set(subjectName(tenant, alias), known.add(name));
      }
    }
    return found;
  }

  async open(tenant: string, ids: readonly string[]) {
    this.reach();
    const { own } = await this.tenant(tenant);
    const mine = [own, ...[...this.keys].filter(([name]) => name.startsWith(`${tenant}/`)).map(([, key]) => key)];
    return new Map(
      ids.map((id): [string, OpenedKey] => {
        const key = mine.find((one) => one.id === id);
        const state = this.states.get(id);
        if (!key || state !== undefined) return [id, { state: state ?? 'shredded' }];
        return [id, { state: 'live', key }];
      }),
    );
  }

  async find(tenant: string, subjects: readonly string[]) {
    this.reach();
    return new Map(
      subjects.flatMap((subject): [string, readonly DataKey[]][] => {
        const key = this.keys.get(subjectName(tenant, subject));
        return key ? [[subject, [key]]] : [];
      }),
    );
  }

  async findByAlias(tenant: string, alias: string) {
    this.reach();
    const owners = this.aliases.get(subjectName(tenant, alias.toLowerCase())) ?? new Set();
    return [...owners].flatMap((name) => this.keys.get(name) ?? []);
  }
}
