/** What runs by the clock. */
import { Stack, type StackProps } from 'aws-cdk-lib';
import type { Construct } from 'constructs';
import { Jobs, type JobsProps } from './stages/jobs.ts';

export class JobsStack extends Stack {
  readonly jobs: Jobs;

  constructor(scope: Construct, id: string, jobs: JobsProps, props: StackProps) {
    super(scope, id, props);
    this.jobs = new Jobs(this, 'Jobs', jobs);
  }
}
