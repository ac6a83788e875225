/** The promise of docs/concepts/permission-cache.md: whatever happens, a revoked grant is gone within two seconds. */
import { afterAll, describe, expect, test } from 'vitest';
import { VersionedPermissionCache } from '#core/access/permission-cache.ts';
import { boundMs, runWorlds, weathers } from './race/world.ts';

const worlds = Number(process.env.WORLDS ?? 50_000);

describe('in virtual time, over the real cache', () => {
  let total = 0;
  test.each(weathers)('%s', async (weather) => {
    const tally = await runWorlds(
      { from: weathers.indexOf(weather) * worlds, count: worlds / weathers.length },
      weather,
      (ports) => new VersionedPermissionCache(ports),
    );
    console.log(weather, JSON.stringify(tally));
    expect(tally.staleGrants).toBe(0);
    expect(tally.staleAnswers).toBe(0);
    expect(tally.lateAfterInvalidation).toBe(0);
    total += tally.worlds;
  });
});
