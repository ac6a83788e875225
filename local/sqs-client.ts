/** The few SQS calls that the platform itself makes, over the JSON protocol of a local SQS. */

export interface Message {
  readonly MessageId: string;
  readonly ReceiptHandle: string;
  readonly Body: string;
  readonly MD5OfBody: string;
  readonly Attributes?: Readonly<Record<string, string>>;
  readonly MessageAttributes?: Readonly<Record<string, MessageAttribute>>;
}

export interface MessageAttribute {
  readonly StringValue?: string;
  readonly BinaryValue?: string;
  readonly DataType: string;
}

/** What SQS refused, by its error type. */
export class SqsError extends Error {
  override readonly name = 'SqsError';
  readonly type: string;

  constructor(type: string, message: string) {
    super(`${type}: ${message}`);
    this.type = type;
  }
}

export class Sqs {
  /** `http://127.0.0.1:PORT` */
  readonly base: string;
  readonly account: string;
  readonly region: string;

  constructor(base: string, account: string, region: string) {
    this.base = base;
    this.account = account;
    this.region = region;
  }

  /** Address of the queue behind an ARN. */
  urlOf(arn: string): string {
    return `${this.base}/${this.account}/${arn.slice(arn.lastIndexOf(':') + 1)}`;
  }

  async receive(url: string, count: number, waitSeconds: number, signal: AbortSignal): Promise<readonly Message[]> {
    const answer = await this.#call<{ Messages?: readonly Message[] }>(
      'ReceiveMessage',
      {
        QueueUrl: url,
        MaxNumberOfMessages: count,
        WaitTimeSeconds: waitSeconds,
        MessageSystemAttributeNames: ['All'],
        MessageAttributeNames: ['All'],
      },
      signal,
    );
    return answer.Messages ?? [];
  }

  async delete(url: string, messages: readonly Message[]): Promise<void> {
    for (let at = 0; at < messages.length; at += 10) {
      const entries = messages
        .slice(at, at + 10)
        .map(({ ReceiptHandle }, index) => ({ Id: `${index}`, ReceiptHandle }));
      await this.#call('DeleteMessageBatch', { QueueUrl: url, Entries: entries });
    }
  }

  /** Makes messages visible again at once. */
  async release(url: string, messages: readonly Message[]): Promise<void> {
    for (let at = 0; at < messages.length; at += 10) {
      const entries = messages
        .slice(at, at + 10)
        .map(({ ReceiptHandle }, index) => ({ Id: `${index}`, ReceiptHandle, VisibilityTimeout: 0 }));
      await this.#call('ChangeMessageVisibilityBatch', { QueueUrl: url, Entries: entries });
    }
  }

  async send(url: string, body: string, attributes: Readonly<Record<string, string>> = {}): Promise<void> {
    const named = Object.entries(attributes).map(([name, value]) => [name, { DataType: 'String', StringValue: value }]);
    await this.#call('SendMessage', { QueueUrl: url, MessageBody: body, MessageAttributes: Object.fromEntries(named) });
  }

  /** Messages that wait, are delayed or are being worked on. */
  async depth(url: string): Promise<number> {
    const names = ['', 'NotVisible', 'Delayed'].map((kind) => `ApproximateNumberOfMessages${kind}`);
    const answer = await this.#call<{ Attributes?: Record<string, string> }>('GetQueueAttributes', {
      QueueUrl: url,
      AttributeNames: names,
    });
    return names.reduce((sum, name) => sum + Number(answer.Attributes?.[name] ?? 0), 0);
  }

  /** Makes a queue, or gives one that exists these attributes. */
  async ensureQueue(name: string, attributes: Readonly<Record<string, string>>): Promise<void> {
    try {
      await this.#call('CreateQueue', { QueueName: name, Attributes: attributes });
    } catch (error) {
      if (!(error instanceof SqsError) || !/QueueNameExists|QueueAlreadyExists/.test(error.type)) throw error;
      const { FifoQueue: _fixed, ...changeable } = attributes;
      await this.#call('SetQueueAttributes', {
        QueueUrl: `${this.base}/${this.account}/${name}`,
        Attributes: changeable,
      });
    }
  }

  async #call<Answer>(operation: string, input: object, signal?: AbortSignal): Promise<Answer> {
    const response = await fetch(this.base, {
      method: 'POST',
      headers: {
        'content-type': 'application/x-amz-json-1.0',
        'x-amz-target': `AmazonSQS.${operation}`,
        authorization: `AWS4-HMAC-SHA256 Credential=local/20260101/${this.region}/sqs/aws4_request, SignedHeaders=host, Signature=0`,
      },
      body: JSON.stringify(input),
      ...(signal ? { signal } : {}),
    });
    const text = await response.text();
    const answer = (text ? JSON.parse(text) : {}) as Answer & { __type?: string; message?: string };
    if (!response.ok) throw new SqsError(answer.__type ?? String(response.status), answer.message ?? text);
    return answer;
  }
}
