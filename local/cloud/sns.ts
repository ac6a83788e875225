/** SNS over its Query protocol (a form in, XML out): topics that deliver to queues and functions. */
import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { AwsError, type Exchange, escapeXml, notImplemented, type Reply, type Service } from './exchange.ts';
import type { MessageAttribute } from './sqs-queue.ts';
import { readState, writeState } from './state-file.ts';

interface Subscription {
  readonly arn: string;
  readonly topicArn: string;
  readonly protocol: string;
  readonly endpoint: string;
  readonly attributes: Readonly<Record<string, string>>;
}

interface State {
  readonly topics: string[];
  readonly subscriptions: Subscription[];
}

type Attributes = Readonly<Record<string, MessageAttribute>>;

/** Where announcements go. */
export interface SnsTargets {
  /** Resolves when the queue keeps the message; false when there is no such queue. */
  toQueue(arn: string, body: string, attributes: Attributes): Promise<boolean>;
  toFunction(arn: string, event: string): void;
}

const known = ['RawMessageDelivery', 'FilterPolicy', 'FilterPolicyScope', 'RedrivePolicy'];
const messageBytesMax = 256 * 1024;

export class Sns implements Service {
  readonly name = 'sns';
  readonly #file: string;
  readonly #arnPrefix: string;
  readonly #targets: SnsTargets;
  readonly #now: () => number;
  readonly #state: State;

  constructor(options: {
    readonly folder: string;
    readonly region: string;
    readonly account: string;
    readonly targets: SnsTargets;
    readonly now: () => number;
  }) {
    this.#file = join(options.folder, 'topics.json');
    this.#arnPrefix = `arn:aws:sns:${options.region}:${options.account}:`;
    this.#targets = options.targets;
    this.#now = options.now;
    this.#state = readState<State>(this.#file, { topics: [], subscriptions: [] });
  }

  /** Makes a topic when it is not there; returns its ARN. */
  createTopic(name: string): string {
    const arn = this.#arnPrefix + name;
    if (!this.#state.topics.includes(arn)) {
      this.#state.topics.push(arn);
      this.#save();
    }
    return arn;
  }

  operationOf = ({ body }: Exchange): string => new URLSearchParams(body.toString()).get('Action') ?? '';

  async handle(exchange: Exchange): Promise<Reply> {
    const form = new URLSearchParams(exchange.body.toString());
    const operation = form.get('Action') ?? '';
    const result = await this.#do(operation, form);
    const xml =
      `<${operation}Response xmlns="http://sns.amazonaws.com/doc/2010-03-31/"><${operation}Result>${result}` +
      `</${operation}Result><ResponseMetadata><RequestId>${randomUUID()}</RequestId></ResponseMetadata></${operation}Response>`;
    return { status: 200, headers: { 'content-type': 'text/xml' }, body: xml };
  }

  refuse(error: AwsError): Reply {
    const type = error.status < 500 ? 'Sender' : 'Receiver';
    const body =
      `<ErrorResponse xmlns="http://sns.amazonaws.com/doc/2010-03-31/"><Error><Type>${type}</Type><Code>${error.code}</Code>` +
      `<Message>${escapeXml(error.message)}</Message></Error><RequestId>${randomUUID()}</RequestId></ErrorResponse>`;
    return { status: error.status, headers: { 'content-type': 'text/xml' }, body };
  }

  async #do(operation: string, form: URLSearchParams): Promise<string> {
    switch (operation) {
      case 'CreateTopic':
        return `<TopicArn>${escapeXml(this.createTopic(form.get('Name') ?? ''))}</TopicArn>`;
      case 'Subscribe':
        return `<SubscriptionArn>${escapeXml(this.#subscribe(form))}</SubscriptionArn>`;
      case 'ListSubscriptionsByTopic':
        return this.#list(this.#topic(form));
      case 'Publish':
        return `<MessageId>${await this.#publish(form)}</MessageId>`;
      default:
        throw notImplemented(`SNS ${operation}`);
    }
  }

  #topic(form: URLSearchParams): string {
    const arn = form.get('TopicArn') ?? '';
    if (!this.#state.topics.includes(arn)) throw new AwsError(404, 'NotFound', 'Topic does not exist');
    return arn;
  }

  #subscribe(form: URLSearchParams): string {
    const topicArn = this.#topic(form);
    const protocol = form.get('Protocol') ?? '';
    const endpoint = form.get('Endpoint') ?? '';
    if (protocol !== 'sqs' && protocol !== 'lambda') throw notImplemented(`SNS subscriptions by ${protocol}`);
    const attributes = Object.fromEntries(entriesOf(form, 'Attributes').map((at) => [at('key'), at('value')]));
    const unknown = Object.keys(attributes).find((name) => !known.includes(name));
    if (unknown !== undefined) throw notImplemented(`SNS subscription attribute ${unknown}`);
    if ((attributes.FilterPolicyScope ?? 'MessageAttributes') !== 'MessageAttributes') {
      throw notImplemented('SNS FilterPolicyScope MessageBody');
    }
    const { subscriptions } = this.#state;
    const same = subscriptions.findIndex(
      (one) => one.topicArn === topicArn && one.protocol === protocol && one.endpoint === endpoint,
    );
    const arn = subscriptions[same]?.arn ?? `${topicArn}:${randomUUID()}`;
    subscriptions.splice(same < 0 ? subscriptions.length : same, 1, { arn, topicArn, protocol, endpoint, attributes });
    this.#save();
    return arn;
  }

  #list(topicArn: string): string {
    const members = this.#state.subscriptions
      .filter((one) => one.topicArn === topicArn)
      .map(
        ({ arn, protocol, endpoint }) =>
          `<member><SubscriptionArn>${escapeXml(arn)}</SubscriptionArn><Owner>${arn.split(':')[4]}</Owner>` +
          `<Protocol>${protocol}</Protocol><Endpoint>${escapeXml(endpoint)}</Endpoint>` +
          `<TopicArn>${escapeXml(topicArn)}</TopicArn></member>`,
      );
    return `<Subscriptions>${members.join('')}</Subscriptions>`;
  }

  async #publish(form: URLSearchParams): Promise<string> {
    const topicArn = this.#topic(form);
    const message = form.get('Message') ?? '';
    if (message === '') throw new AwsError(400, 'InvalidParameter', 'Invalid parameter: Empty message');
    if (Buffer.byteLength(message) > messageBytesMax) {
      throw new AwsError(400, 'InvalidParameter', 'Invalid parameter: Message too long');
    }
    if (form.has('MessageStructure')) throw notImplemented('SNS MessageStructure');
    const attributes = attributesOf(form);
    const id = randomUUID();
    const wanted = this.#state.subscriptions.filter((one) => one.topicArn === topicArn && passes(one, attributes));
    await Promise.all(wanted.map((one) => this.#deliver(one, { id, topicArn, message, attributes })));
    return id;
  }

  async #deliver(
    { arn, protocol, endpoint, attributes: settings }: Subscription,
    letter: {
      readonly id: string;
      readonly topicArn: string;
      readonly message: string;
      readonly attributes: Attributes;
    },
  ): Promise<void> {
    if (protocol === 'sqs' && settings.RawMessageDelivery === 'true') {
      return this.#toQueue(endpoint, settings, letter.message, letter.attributes);
    }
    const envelope = {
      Type: 'Notification',
      MessageId: letter.id,
      TopicArn: letter.topicArn,
      Message: letter.message,
      Timestamp: new Date(this.#now()).toISOString(),
      MessageAttributes: Object.fromEntries(
        Object.entries(letter.attributes).map(([name, { DataType, StringValue, BinaryValue }]) => [
          name,
          { Type: DataType, Value: StringValue ?? BinaryValue },
        ]),
      ),
    };
    if (protocol === 'sqs') return this.#toQueue(endpoint, settings, JSON.stringify(envelope), {});
    const record = { EventSource: 'aws:sns', EventVersion: '1.0', EventSubscriptionArn: arn, Sns: envelope };
    this.#targets.toFunction(endpoint, JSON.stringify({ Records: [record] }));
  }

  /** What was for a queue that is gone goes to the subscription's dead-letter queue, when it has one. */
  async #toQueue(
    queueArn: string,
    { RedrivePolicy }: Subscription['attributes'],
    body: string,
    attributes: Attributes,
  ): Promise<void> {
    if ((await this.#targets.toQueue(queueArn, body, attributes)) || RedrivePolicy === undefined) return;
    const { deadLetterTargetArn } = JSON.parse(RedrivePolicy) as { readonly deadLetterTargetArn: string };
    await this.#targets.toQueue(deadLetterTargetArn, body, attributes);
  }

  #save(): void {
    writeState(this.#file, this.#state);
  }
}

/** `X.entry.1.key`, `X.entry.1.value`, `X.entry.2.key`, …: a reader for each entry. */
function entriesOf(form: URLSearchParams, name: string): ((field: string) => string)[] {
  const prefix = `${name}.entry.`;
  const numbers = new Set(
    [...form.keys()].filter((key) => key.startsWith(prefix)).map((key) => key.slice(prefix.length).split('.')[0]!),
  );
  return [...numbers].map((number) => (field) => form.get(`${prefix}${number}.${field}`) ?? '');
}

function attributesOf(form: URLSearchParams): Attributes {
  return Object.fromEntries(
    entriesOf(form, 'MessageAttributes').map((at) => {
      const DataType = at('Value.DataType');
      const binary = at('Value.BinaryValue');
      return [
        at('Name'),
        binary === '' ? { DataType, StringValue: at('Value.StringValue') } : { DataType, BinaryValue: binary },
      ];
    }),
  );
}

/** A filter policy of plain strings: every named attribute has one of its values. */
function passes({ attributes: settings }: Subscription, attributes: Attributes): boolean {
  if (settings.FilterPolicy === undefined) return true;
  const policy = JSON.parse(settings.FilterPolicy) as Record<string, unknown[]>;
  return Object.entries(policy).every(([name, values]) =>
    values.some((value) => {
      if (typeof value !== 'string') throw notImplemented('SNS filter policies other than lists of strings');
      return attributes[name]?.StringValue === value;
    }),
  );
}
