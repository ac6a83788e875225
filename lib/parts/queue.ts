import { Duration } from 'aws-cdk-lib';
import { Queue, QueueEncryption } from 'aws-cdk-lib/aws-sqs';
import type { Construct } from 'constructs';

/** Where messages end that nobody could handle; two weeks to look and send them back. */
export function makeDeadLetterQueue(scope: Construct, id: string): Queue {
  return new Queue(scope, id, {
    encryption: QueueEncryption.SQS_MANAGED,
    enforceSSL: true,
    retentionPeriod: Duration.days(14),
  });
}

export interface WorkQueueProps {
  readonly consumerTimeout: Duration;
  readonly deadLetterQueue: Queue;
  /** Messages show up this much later. */
  readonly delay?: Duration;
}

/**
 * A standard queue: `MessageGroupId` makes it fair between tenants; order comes from sequence numbers.
 *
 * Visibility is six times the consumer's time limit, as Lambda asks, so that a throttled batch does not come
 * back while it is still held. The consumer buries what it cannot read or store itself, with the reason; SQS's own
 * count only catches what kills the whole function, so it is high enough for an outage of hours to pass
 * (docs/decisions/0005-outages-do-not-poison.md).
 */
export function makeWorkQueue(scope: Construct, id: string, props: WorkQueueProps): Queue {
  return new Queue(scope, id, {
    encryption: QueueEncryption.SQS_MANAGED,
    enforceSSL: true,
    retentionPeriod: Duration.days(14),
    visibilityTimeout: Duration.seconds(6 * props.consumerTimeout.toSeconds()),
    ...(props.delay === undefined ? {} : { deliveryDelay: props.delay }),
    deadLetterQueue: { queue: props.deadLetterQueue, maxReceiveCount: 100 },
  });
}

/**
 * A queue whose messages say that there is something to do, and hold nothing that is not written elsewhere: a schedule
 * finds what a lost one would have told. So they are kept for a day, and tried a few times.
 */
export function makeTriggerQueue(scope: Construct, id: string, props: WorkQueueProps): Queue {
  return new Queue(scope, id, {
    encryption: QueueEncryption.SQS_MANAGED,
    enforceSSL: true,
    retentionPeriod: Duration.days(1),
    visibilityTimeout: Duration.seconds(6 * props.consumerTimeout.toSeconds()),
    ...(props.delay === undefined ? {} : { deliveryDelay: props.delay }),
    deadLetterQueue: { queue: props.deadLetterQueue, maxReceiveCount: 5 },
  });
}
