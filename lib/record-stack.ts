/** Takes events in and makes them durable. */
import { Stack, type StackProps } from 'aws-cdk-lib';
import type { Construct } from 'constructs';
import { Record, type RecordProps } from './stages/record.ts';

export class RecordStack extends Stack {
  readonly record: Record;

  constructor(scope: Construct, id: string, record: RecordProps, props: StackProps) {
    super(scope, id, props);
    this.record = new Record(this, 'Record', record);
  }
}
