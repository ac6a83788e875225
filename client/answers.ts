/** What the API takes and answers, as it stands on the wire. */
import type { CatalogueRule, Scope } from '#core/access/access.ts';
import type { Category, Crud, DataClass, JsonObject, OutcomeResult, Severity, Tier } from '#core/event/event.ts';
import type { ShownEvent } from '#core/privacy/open.ts';
import type { ProcessingStatements } from '#core/privacy/package.ts';
import type { ArchivedDay, DamagedBlock } from '#core/query/gaps.ts';

/** One event is durable. */
export interface Receipt {
  readonly id: string;
  readonly tier: Tier;
  readonly received_at: string;
}

export interface AcceptedItem {
  /** Place in what was sent, from 0. */
  readonly index: number;
  readonly status: 'accepted';
  readonly id: string;
  readonly tier: Tier;
}

export interface RefusedItem {
  readonly index: number;
  readonly status: 'refused';
  readonly code: string;
  readonly detail: string;
  readonly pointer?: string | undefined;
}

export type ItemReceipt = AcceptedItem | RefusedItem;

/** The accepted events are durable; each refused one says why. */
export interface BatchReceipt {
  readonly accepted: number;
  readonly refused: number;
  readonly items: readonly ItemReceipt[];
  /** Absent when nothing was accepted. */
  readonly received_at?: string;
}

type OneOrMany<T> = T | readonly T[];

/** What to look for. Several values of a field: any of them. Several fields: all of them. */
export interface EventFilter {
  /** Included. A Date, RFC 3339, or ms since 1970. */
  readonly from?: Date | string | number | undefined;
  /** Not included. */
  readonly to?: Date | string | number | undefined;
  /** An action, or a prefix that ends in `*`. */
  readonly action?: OneOrMany<string> | undefined;
  readonly category?: OneOrMany<Category> | undefined;
  readonly crud?: OneOrMany<Crud> | undefined;
  readonly severity?: OneOrMany<Severity> | undefined;
  readonly outcome?: OneOrMany<OutcomeResult> | undefined;
  readonly actor?: OneOrMany<string> | undefined;
  readonly actor_email?: OneOrMany<string> | undefined;
  /** A person, wherever the event names one. */
  readonly subject?: OneOrMany<string> | undefined;
  readonly target?: OneOrMany<string> | undefined;
  readonly target_type?: OneOrMany<string> | undefined;
  readonly ip?: OneOrMany<string> | undefined;
  readonly data_class?: OneOrMany<DataClass> | undefined;
  readonly project?: OneOrMany<string> | undefined;
  readonly environment?: OneOrMany<string> | undefined;
  readonly operation_id?: OneOrMany<string> | undefined;
  readonly external_id?: OneOrMany<string> | undefined;
  readonly text?: string | undefined;
  /** Events a page, 1 to 1000. */
  readonly limit?: number | undefined;
}

export interface EventPage {
  readonly events: readonly ShownEvent[];
  /** Null on the last page. */
  readonly next_cursor: string | null;
  /** False when the page ended because enough was read (go on with next_cursor), or when something could not be read. */
  readonly complete: boolean;
  readonly scanned_bytes: number;
  /** When enough was read: about so many bytes lie between next_cursor and the end of the question. */
  readonly to_scan_bytes?: number;
  readonly sources: { readonly critical: { readonly rows: number }; readonly bulk: BulkSource };
  /** Keys of objects that are gone. */
  readonly missing?: readonly string[];
  /** What must be restored before it can be read, newest first. */
  readonly archived?: readonly ArchivedDay[];
  /** Blocks that are not what was written. */
  readonly damaged?: readonly DamagedBlock[];
  /** What can be done about it, as sentences. */
  readonly hints?: readonly string[];
  /** Kinds of events that are there and not shown, because they were not asked for by name. */
  readonly left_out?: readonly string[];
}

interface BulkSource {
  readonly parts: number;
  readonly blocks: number;
}

export interface FeedPage {
  readonly events: readonly ShownEvent[];
  /** Where to go on; the same again when there was nothing new. */
  readonly next: string;
  /** Of a feed that was begun without a place, and does not go back to the first event: when it begins. */
  readonly since?: string;
  readonly missing?: readonly string[];
  readonly damaged?: readonly DamagedBlock[];
}

/** `?after=&limit=` of a list. */
export interface ListOptions {
  /** `next` of the page before. */
  readonly after?: string;
  readonly limit?: number;
}

export interface KeyView {
  readonly key_id: string;
  readonly name: string;
  readonly scopes: readonly Scope[];
  /** `service:<name>`: the key has that account's roles and no scopes. */
  readonly service_account: string | null;
  readonly project: string | null;
  readonly environment: string | null;
  readonly events_per_second: number;
  readonly created_at: string;
  readonly expires_at: string | null;
  readonly revoked_at: string | null;
  readonly previous_secret_until: string | null;
  readonly last_used_at: string | null;
}

/** A key with its secret, which is shown this once. */
export type KeyWithSecret = KeyView & { readonly key: string };

/** Either `scopes` or a `service_account`. */
export interface KeyBody {
  readonly name: string;
  readonly scopes?: readonly Scope[];
  readonly service_account?: string;
  readonly project?: string;
  readonly environment?: string;
  readonly expires_at?: string;
  readonly events_per_second?: number;
}

export type TenantKeyBody = Pick<KeyBody, 'name'> &
  Partial<Pick<KeyBody, 'scopes' | 'service_account' | 'expires_at' | 'events_per_second'>>;

export interface Tenant {
  readonly id: string;
  readonly name: string;
  readonly created_at: string;
}

/** A project, or an environment of one. */
export type Project = Tenant;

/** On which cluster a tenant lives, and its newest move. */
export interface Residence {
  readonly shard: number;
  readonly move: {
    readonly from: number;
    readonly to: number;
    readonly step: 'copying' | 'paused' | 'verified' | 'switched' | 'moved' | 'finishing' | 'finished';
    readonly asked_by: string;
    readonly asked_at: string;
    readonly stepped_at: string;
    /** What was compared when the tenant was switched. */
    readonly rows: readonly { readonly table: string; readonly rows: number }[] | null;
    /** What stopped the last run; the next one goes on. */
    readonly problem: string | null;
  } | null;
}

export interface Intake {
  readonly queue_url: string;
  readonly queue_arn: string;
}

export interface PolicyBody {
  readonly catalogue?: readonly CatalogueRule[];
  readonly tiers?: Partial<Record<Category, Tier>>;
  readonly schema_mode?: 'refuse' | 'flag';
  /** What readers may say that they read for; without the list any word will do. */
  readonly purposes?: readonly string[];
  /** What data subjects are told of the processing, with a copy of their data. */
  readonly processing?: ProcessingStatements;
  /** Seconds from the commit of an event to the checkpoint that covers it, at most: 60 and 900 unless said otherwise. */
  readonly merge_delay_seconds?: Partial<Record<Tier, number>>;
}

export type Policy = Required<Omit<PolicyBody, 'processing' | 'merge_delay_seconds'>> &
  Pick<PolicyBody, 'processing' | 'merge_delay_seconds'> & {
    /** Pass it as `ifVersion` to change what you read and nothing newer. */
    readonly version: number;
    readonly schemas: readonly SchemaName[];
  };

export interface SchemaName {
  readonly action: string;
  readonly version: number;
}

export type ActionSchema = SchemaName & { readonly schema: JsonObject };

export interface DeadLetterQueue {
  readonly queue: string;
  readonly visible: number;
  readonly in_flight: number;
}

export type DeadLetterShape = string | readonly DeadLetterShape[] | { readonly [key: string]: DeadLetterShape };

export interface DeadLetter {
  readonly message_id: string;
  readonly sent_at: string;
  readonly received_count: number;
  readonly code?: string;
  readonly reason?: string;
  readonly source?: string;
  readonly bytes: number;
  /** Keys and types of a body that is JSON; never a value. */
  readonly shape?: DeadLetterShape;
}

export interface IssuerBody {
  /** `iss` of its tokens, to the letter: an https address. */
  readonly issuer: string;
  readonly name: string;
  /** A token must be meant for one of these. */
  readonly audience: readonly string[];
  /** Of an issuer that several tenants share: the claim that names the tenant. */
  readonly tenant_claim?: string;
  /** Comes before `sub` in the ids of its people; a tenant has one issuer without. */
  readonly subject_prefix?: string;
  /** The issuer lets nobody in without a second factor, and its tokens do not say so (as Cognito's). */
  readonly always_mfa?: boolean;
}

/** An OIDC issuer that vouches for people of a tenant. */
export interface Issuer extends Pick<IssuerBody, 'issuer' | 'name' | 'audience'> {
  readonly id: string;
  readonly tenant_claim: string | null;
  readonly subject_prefix: string | null;
  readonly always_mfa: boolean;
  readonly created_at: string;
}

export interface Whoami {
  readonly tenant: string;
  readonly kind: 'key' | 'person' | 'service';
  readonly key_id: string;
  readonly scopes: readonly Scope[];
  readonly person: {
    readonly id: string;
    readonly name: string | null;
    readonly email: string | null;
    readonly mfa_at: string | null;
    readonly on_behalf_of: { readonly type: string; readonly id: string } | null;
  } | null;
  readonly service_account: string | null;
  readonly project: string | null;
  readonly environment: string | null;
  readonly events_per_second: number;
}
