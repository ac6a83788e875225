/** The drivers against moto, an emulator that others wrote: an independent oracle, where it is installed. */
import { afterAll, beforeAll, describe, test } from 'vitest';
import { motoInstalled, startMoto } from '#test/support/moto.ts';
import { driversContract } from './contract/drivers.ts';

if (motoInstalled) {
  describe('drivers on moto', () => {
    let moto: Awaited<ReturnType<typeof startMoto>>;
    beforeAll(async () => {
      moto = await startMoto();
    });
    afterAll(() => moto.stop());
    // moto 5.2 does not know DeadLetterQueueSourceArn.
    driversContract(() => moto.endpoint, { namesSource: false });
  });
} else {
  test('moto_server is not installed: the drivers were not compared with it', () => {
    console.log('moto_server is not installed (pip install "moto[server]"): drivers not compared');
  });
}
