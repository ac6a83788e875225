/**
 * What reads, restores, erases and ends events. The front door, which has a route for each of its verbs, is a stack of its
 * own: CloudFormation takes 500 resources in one.
 */
import { Stack, type StackProps } from 'aws-cdk-lib';
import type { Construct } from 'constructs';
import type { DataStack } from './data-stack.ts';
import type { Inside, Place } from './parts/function.ts';
import { Archive } from './stages/archive.ts';
import { Athena } from './stages/athena.ts';
import { Privacy } from './stages/privacy.ts';
import { Query } from './stages/query.ts';

export interface TrailProps extends Place {
  readonly data: DataStack;
  readonly inside: Inside;
}

export class TrailStack extends Stack {
  readonly query: Query;
  readonly athena: Athena;
  readonly privacy: Privacy;
  readonly archive: Archive;

  constructor(scope: Construct, id: string, trail: TrailProps, props: StackProps) {
    super(scope, id, props);
    this.query = new Query(this, 'Query', trail);
    this.athena = new Athena(this, 'Athena', { ...trail, query: this.query });
    this.privacy = new Privacy(this, 'Privacy', trail);
    this.archive = new Archive(this, 'Archive', trail);
  }
}
