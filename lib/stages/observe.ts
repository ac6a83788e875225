/** Observe, the part that answers requests: health and the reference pages. Both are public and touch nothing. */
import { Construct } from 'constructs';
import { makeVerb, type Place, type Verb } from '../parts/function.ts';

export class Observe extends Construct {
  readonly health: Verb;
  readonly docs: Verb;

  constructor(scope: Construct, id: string, place: Place) {
    super(scope, id);
    const nothing = { canary: true, environment: {}, permissions: [] };
    this.health = makeVerb(this, 'Health', place, {
      ...nothing,
      bundle: 'observe-health',
      memoryMb: 256,
      timeoutSeconds: 5,
    });
    this.docs = makeVerb(this, 'Docs', place, {
      ...nothing,
      bundle: 'observe-docs',
      memoryMb: 512,
      timeoutSeconds: 10,
    });
  }
}
