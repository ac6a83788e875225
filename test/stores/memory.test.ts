/** The places in memory keep the same promises as the drivers, so verbs may be tested on them. */
import { describe } from 'vitest';
import { MemoryClaims, MemoryControl, MemoryOutlet, MemorySegments } from '#test/support/memory.ts';
import { MemoryWitness } from '#test/support/memory-witness.ts';
import { claimsContract } from './contract/claims.ts';
import { controlContract } from './contract/control.ts';
import { outletContract } from './contract/outlet.ts';
import { segmentsContract } from './contract/segments.ts';
import { witnessContract } from './contract/witness.ts';

describe('outlet', () => {
  outletContract(async () => {
    const outlet = new MemoryOutlet();
    return { outlet, received: async () => outlet.messages.map(({ body }) => body) };
  });
});
describe('segments', () => segmentsContract(async () => new MemorySegments()));
describe('claims', () => claimsContract(async () => new MemoryClaims()));
describe('control', () => {
  controlContract(async () => {
    const control = new MemoryControl();
    return { control, publisher: control };
  });
});
witnessContract('memory', async () => new MemoryWitness(() => []));
