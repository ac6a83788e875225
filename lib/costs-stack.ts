/** Jobs of tenants and what they load, sum up and forecast: usage and costs. */
import { Stack, type StackProps } from 'aws-cdk-lib';
import type { Construct } from 'constructs';
import type { DataStack } from './data-stack.ts';
import type { Inside, Place } from './parts/function.ts';
import { Starting } from './stages/starting.ts';

export interface CostsProps extends Place {
  readonly data: DataStack;
  readonly inside: Inside;
}

export class CostsStack extends Stack {
  readonly starting: Starting;

  constructor(scope: Construct, id: string, costs: CostsProps, props: StackProps) {
    super(scope, id, props);
    this.starting = new Starting(this, 'Starting', costs);
  }
}
