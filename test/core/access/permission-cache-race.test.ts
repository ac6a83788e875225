/** The promise of docs/concepts/permission-cache.md, whatever is lost, reordered or late: a revoked grant is gone within two seconds. */
import { expect, test } from 'vitest';
import { VersionedPermissionCache } from '#core/access/permission-cache.ts';
import { runWorlds, told, weathers } from './race/world.ts';

/** Of each weather: 50,000 in all, with the other file of the race. */
const count = 10_000;

test.each(weathers.filter((weather) => ['quiet', 'losses'].includes(weather)))(
  '%s',
  { timeout: 300_000 },
  async (weather) => {
    const seeds = { from: weathers.indexOf(weather) * count, count };
    const tally = await runWorlds(seeds, weather, (ports) => new VersionedPermissionCache(ports));
    console.log(told(weather, tally));
    expect(tally.worlds).toBe(count);
    expect(tally.late).toBeGreaterThan(1_000);
    expect(tally.staleGrants).toBe(0);
    expect(tally.staleAnswers).toBe(0);
    expect(tally.lateAfterInvalidation).toBe(0);
  },
);
