/** Seals what was recorded, and proves it. */
import { Stack, type StackProps } from 'aws-cdk-lib';
import type { Construct } from 'constructs';
import { Proof, type ProofProps } from './stages/proof.ts';

export class ProofStack extends Stack {
  readonly proof: Proof;

  constructor(scope: Construct, id: string, proof: ProofProps, props: StackProps) {
    super(scope, id, props);
    this.proof = new Proof(this, 'Proof', proof);
  }
}
