/** The two members in WebAssembly: right on a series with a known answer, silent, and without a leak. */
import { expect, test, vi } from 'vitest';
import { openForecasters } from '#stores/forecast/open.ts';

const seasons = [12];
const grown = (t: number) => 100 * 1.01 ** t * (1 + 0.2 * Math.sin((2 * Math.PI * t) / 12));
const values = Array.from({ length: 84 }, (_, t) => grown(t));

test('growth with a season goes on, twice the same way, and nothing is printed', async () => {
  const printed = [vi.spyOn(console, 'log'), vi.spyOn(console, 'error'), vi.spyOn(process.stdout, 'write')];
  for (const member of await openForecasters()) {
    const forecast = member.forecast(values, 12, seasons)!;
    expect(forecast).toHaveLength(12);
    forecast.forEach((value, at) => {
      expect(Math.abs(value / grown(84 + at) - 1), `${member.name} at ${at}`).toBeLessThan(0.05);
    });
    expect(member.forecast(values, 12, seasons)).toEqual(forecast);
  }
  for (const spy of printed) {
    expect(spy).not.toHaveBeenCalled();
    spy.mockRestore();
  }
});

test('series they are not for: too short, without a season, negative, only zeros', async () => {
  for (const member of await openForecasters()) {
    expect(member.forecast(values.slice(0, 20), 6, seasons), member.name).toBeUndefined();
    expect(member.forecast(values, 6, [])).toBeUndefined();
    expect(
      member.forecast(
        values.map((value) => -value),
        6,
        seasons,
      ),
    ).toBeUndefined();
    expect(
      member.forecast(
        values.map(() => 0),
        6,
        seasons,
      ),
    ).toBeUndefined();
    const some = member.forecast(
      values.map((value, t) => (t % 9 === 0 ? 0 : value)),
      6,
      seasons,
    );
    expect(some?.every((value) => Number.isFinite(value) && value >= 0) ?? true).toBe(true);
  }
});

test('three hundred series take no more memory than fifty', async () => {
  const members = await openForecasters();
  const run = (times: number) => {
    for (let at = 0; at < times; at++) for (const member of members) member.forecast(values, 6, seasons);
  };
  run(50);
  const before = process.memoryUsage().arrayBuffers + process.memoryUsage().external;
  run(300);
  const after = process.memoryUsage().arrayBuffers + process.memoryUsage().external;
  expect(after - before).toBeLessThan(8 * 2 ** 20);
});
