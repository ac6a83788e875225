/** What a verb that shows events needs besides the events: the real guard for API keys, keys in memory, a recorder. */
import { remembering } from '#core/access/engine.ts';
import { policies, schema } from '#core/access/policies.ts';
import type { EventInput } from '#core/event/event.ts';
import { type Recorder, Unavailable } from '#core/record/ports.ts';
import { createGuard } from '#functions/runtime/guard.ts';
import { openCedar } from '#stores/cedar/engine.ts';
import { nodeCipher } from '#stores/crypto/cipher.ts';
import { MemoryPlace } from './memory.ts';
import { MemorySubjectKeys } from './memory-keys.ts';

const nobody = async (): Promise<never> => {
  throw new Unavailable('a place that API keys do not need');
};
const engine = openCedar({ policies, schema }).then(remembering);

/** Decides over API keys; persons and service accounts are unavailable. */
export const keyGuard = createGuard({
  engine: () => engine,
  permissions: async () => ({ getUserPermissions: nobody }),
  breakGlass: async () => ({ inEffect: async () => undefined }),
  policies: async () => ({ purposes: async () => undefined }),
});

export class MemoryRecorder extends MemoryPlace implements Recorder {
  readonly recorded: { readonly tenant: string; readonly event: EventInput }[] = [];

  async record(tenant: string, events: readonly EventInput[]): Promise<void> {
    this.reach();
    for (const event of events) this.recorded.push({ tenant, event });
  }
}

export const readerPorts = () => ({
  guard: keyGuard,
  subjectKeys: new MemorySubjectKeys(),
  cipher: nodeCipher,
  recorder: new MemoryRecorder(),
});
