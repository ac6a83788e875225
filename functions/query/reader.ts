/**
 * A reader of the trail: what it may see of each event, and the record that it looked.
 *
 * Masking is not decrypting: only keys of envelopes that are shown clear are asked for. The record is durable before
 * the answer goes out; when it cannot be kept there is no answer (503), so nobody reads unseen.
 */
import type { Caller } from '#core/access/access.ts';
import type { Guard, Sight } from '#core/access/guard.ts';
import type { Circumstances } from '#core/access/principal.ts';
import { type Event, type EventInput, type Json, type JsonObject, ownProducer } from '#core/event/event.ts';
import { isToken } from '#core/event/token.ts';
import { neededKeys, type ShownEvent, showEvent } from '#core/privacy/open.ts';
import type { Cipher, SubjectKeys } from '#core/privacy/ports.ts';
import { type StoredFilter, storedFilter } from '#core/privacy/search.ts';
import type { Filter } from '#core/query/filter.ts';
import { matcher } from '#core/query/matches.ts';
import type { Recorder } from '#core/record/ports.ts';
import { circumstancesOf } from '#functions/runtime/circumstances.ts';
import { eventBy } from '#functions/runtime/recorder.ts';
import type { HttpRequest } from '#functions/runtime/request.ts';

export interface ViewerPorts {
  readonly subjectKeys: Pick<SubjectKeys, 'tenant' | 'find' | 'findByAlias' | 'open'>;
  readonly cipher: Cipher;
}

export interface ReaderPorts extends ViewerPorts {
  readonly guard: Pick<Guard, 'require' | 'sight'>;
  readonly recorder: Recorder;
}

/** Records of reading are left out of answers unless they are asked for: else the newest events are always one's own looks. */
export const isRecordOfReading = (event: Event): boolean =>
  event.producer.key === ownProducer && event.action.startsWith('audit_log.');
/** What asks for them by name. */
export const recordsOfReading = 'audit_log.*';

/** Ids are at most 1024 characters of three bytes: fifty fit into one event, and more make more events. */
const targetsMax = 50;

/** What somebody sees of the trail, whether it is asking now or asked before. */
export class Viewer {
  /** Whether an event was left out because it is a record of reading. */
  leftOut = false;
  /** Whether records of reading are events like all others, because they were asked for. */
  readsToo = false;
  readonly #ports: ViewerPorts;
  readonly #tenant: string;
  readonly #sight: Pick<Sight, 'view'>;
  readonly #shown = new Map<Event, ShownEvent>();

  constructor(ports: ViewerPorts, tenant: string, sight: Pick<Sight, 'view'>) {
    this.#ports = ports;
    this.#tenant = tenant;
    this.#sight = sight;
  }

  /** Whether an event is there for this reader at all. */
  sees(event: Event): boolean {
    if (!this.readsToo && isRecordOfReading(event)) {
      this.leftOut = true;
      return false;
    }
    return this.#sight.view(event.category, event.data_class) !== undefined;
  }

  /** The filter in the words of stored events. Its text is looked for after opening, see `exactly`. */
  async stored(filter: Filter): Promise<StoredFilter> {
    const { text: _text, ...rest } = filter;
    return storedFilter(this.#tenant, rest, this.#ports.subjectKeys, this.#ports.cipher);
  }

  /**
   * What a filter asks that tokens cannot answer, or undefined: words, which are looked for in what this reader sees
   * and nowhere else, and addresses, whose tokens several share.
   */
  exactly(filter: Filter): ((events: readonly Event[]) => Promise<readonly Event[]>) | undefined {
    const { text, ip } = filter;
    if (text === undefined && ip === undefined) return undefined;
    const holds = matcher(text === undefined ? {} : { text });
    const addresses = ip && new Set(ip);
    return async (events) => {
      const shown = await this.show(events);
      return events.filter((_, index) => {
        const { redacted, ...one } = shown[index]!;
        const address = redacted?.['/context/ip'] === undefined ? one.context?.ip : undefined;
        return holds(one) && (!addresses || address === undefined || addresses.has(address));
      });
    };
  }

  /** Events as this reader sees them, in the same order. */
  async show(events: readonly Event[]): Promise<ShownEvent[]> {
    const { view } = this.#sight;
    const fresh = events.filter((event) => !this.#shown.has(event));
    const viewOf = view.bind(this.#sight);
    const keys = await this.#ports.subjectKeys.open(this.#tenant, neededKeys(fresh, viewOf));
    for (const event of fresh) {
      const seen = viewOf(event.category, event.data_class);
      if (!seen) throw new Error('an event is shown that the reader does not see');
      this.#shown.set(event, showEvent(event, seen, keys, this.#ports.cipher));
    }
    return events.map((event) => this.#shown.get(event)!);
  }
}

/** Somebody who asks now. */
export class Reader extends Viewer {
  readonly caller: Caller;
  readonly #ports: ReaderPorts;
  readonly #at: Circumstances;
  readonly #sight: Sight;

  private constructor(ports: ReaderPorts, caller: Caller, at: Circumstances, sight: Sight) {
    super(ports, caller.tenant, sight);
    this.#ports = ports;
    this.caller = caller;
    this.#at = at;
    this.#sight = sight;
  }

  /** The reader behind a request. Throws what the guard throws. */
  static async of(ports: ReaderPorts, request: HttpRequest): Promise<Reader> {
    const at = circumstancesOf(request);
    const caller = await ports.guard.require(request, 'events:read', at);
    return new Reader(ports, caller, at, await ports.guard.sight(caller, at));
  }

  /**
   * Records the look, and the unmasking when there was one. `about` are people asked for: they are targets, sealed
   * under their own keys, so that the record of a search does not outlive their erasure.
   */
  async record(
    action: 'audit_log.search' | 'audit_log.read' | 'audit_log.feed',
    shown: readonly Event[],
    details: JsonObject,
    about: readonly string[] = [],
  ): Promise<void> {
    const { purpose, ticket } = this.#at;
    const why: JsonObject = {
      ...(purpose === undefined ? {} : { purpose }),
      ...(ticket === undefined ? {} : { ticket }),
      ...(this.#sight.breakGlass === undefined ? {} : { break_glass: this.#sight.breakGlass }),
    };
    const look = { action, context: { ip: this.#at.sourceIp }, metadata: { ...details, ...why, events: shown.length } };
    const records: EventInput[] = [];
    for (let at = 0; at === 0 || at < about.length; at += targetsMax) {
      const targets = about.slice(at, at + targetsMax).map((id) => ({ type: 'person', id }));
      records.push(eventBy(this.caller, targets.length === 0 ? look : { ...look, targets }));
    }
    const unmasked = shown.filter((event) => event.sealed && this.#sight.unmasks(event.category, event.data_class));
    if (unmasked.length > 0) {
      const ids: Json = unmasked.map(({ id }) => id);
      records.push(
        eventBy(this.caller, { ...look, action: 'field.unmask', severity: 'high', metadata: { ...why, events: ids } }),
      );
    }
    await this.#ports.recorder.record(this.caller.tenant, records, this.#at.now);
  }
}

/** A list longer than this is told by its length: the record of a question must not be larger than an event may be. */
const recordedValuesMax = 20;
/** A text that may stand in an event, and is short. A query may hold anything, half characters too. */
const recordable = /^[^\p{Cc}\p{Cs}]{1,200}$/u;

/**
 * A filter as it may be recorded, and the people it asks for. No value in it could be a person's, but for tokens,
 * which die with the person; people are named as targets, and only those that the trail knows.
 */
export function recordedFilter(asked: Filter, stored: StoredFilter): { filter: JsonObject; about: readonly string[] } {
  const { from, to, actor, subject, target, actorEmail, ip, text, ...lists } = asked;
  const tokens = (values: readonly string[] | undefined) => values?.filter(isToken);
  const shown = { ...lists, actor_email: tokens(stored.filter.actorEmail), ip: tokens(stored.filter.ip) };
  return {
    filter: {
      ...(from === undefined ? {} : { from }),
      ...(to === undefined ? {} : { to }),
      ...(text === undefined ? {} : { text: `${text.length} characters` }),
      ...Object.fromEntries(
        Object.entries(shown).flatMap(([name, values]) => (values ? [[name, listOrCount(values)]] : [])),
      ),
      ...(actor ? { actor: actor.length } : {}),
      ...(subject ? { subject: subject.length } : {}),
      ...(target ? { target: target.length } : {}),
    },
    about: stored.known,
  };
}

const listOrCount = (values: readonly string[]): Json =>
  values.length <= recordedValuesMax && values.every((value) => recordable.test(value)) ? values : values.length;
