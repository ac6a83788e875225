/**
 * Prices of licences: what a unit costs for a day, from a day on. A price that was set stays: another one from a later day
 * takes over. Days that were loaded before are charged anew when they are loaded again.
 */
import * as z from 'zod';
import { principalName } from '#core/access/decide.ts';
import type { Guard } from '#core/access/guard.ts';
import { formatDecimal, parseDecimal } from '#core/costs/decimal.ts';
import type { Prices, StoredPrice } from '#core/costs/load-ports.ts';
import { Problem } from '#core/event/problem.ts';
import type { Recorder } from '#core/record/ports.ts';
import { circumstancesOf } from '#functions/runtime/circumstances.ts';
import { jsonBody, onHttp } from '#functions/runtime/http.ts';
import { openGuard, openPrices, openRecorder } from '#functions/runtime/open.ts';
import { eventBy } from '#functions/runtime/recorder.ts';
import type { HttpRequest, HttpResponse } from '#functions/runtime/request.ts';
import { requireWholeTenant } from '#functions/runtime/whole-tenant.ts';

export interface PricesPorts {
  readonly guard: Pick<Guard, 'require'>;
  readonly prices: Prices;
  readonly recorder: Recorder;
}

const amountDigitsMax = 12;
const body = z.strictObject({
  package: z.string().trim().min(1).max(200),
  from_day: z.iso.date(),
  currency: z.string().regex(/^[A-Z]{3}$/, 'a code of ISO 4217'),
  amount: z
    .string()
    .max(40)
    .refine((text) => {
      const amount = parseDecimal(text);
      return amount !== undefined && amount.units >= 0n && amount.scale <= amountDigitsMax;
    }, `a decimal number as text, not negative, with at most ${amountDigitsMax} digits after the point`),
});

export async function prices(ports: PricesPorts, request: HttpRequest): Promise<HttpResponse> {
  const { method, now } = request;
  const permission = method === 'GET' ? 'costs:read' : 'costs:manage';
  const caller = requireWholeTenant(await ports.guard.require(request, permission, circumstancesOf(request)));
  if (method === 'GET') {
    const found = await ports.prices.list(caller.tenant);
    return { status: 200, body: { prices: found.map(viewOf) } };
  }
  if (method !== 'POST') throw new Problem('method_not_allowed', 'This path does not take that method.');
  const given = jsonBody(request, body);
  const price: StoredPrice = {
    ...{ package: given.package, fromDay: given.from_day, currency: given.currency },
    ...{ amount: formatDecimal(parseDecimal(given.amount)!), setBy: principalName(caller), setAt: now },
  };
  const event = eventBy(caller, {
    action: 'costs.price_set',
    targets: [{ type: 'price', id: `${price.package} ${price.fromDay}` }],
    metadata: { package: price.package, from_day: price.fromDay, currency: price.currency, amount: price.amount },
  });
  await ports.recorder.record(caller.tenant, [event], now);
  await ports.prices.set(caller.tenant, price);
  return { status: 201, body: viewOf(price) };
}

const viewOf = (price: StoredPrice) => ({
  ...{ package: price.package, from_day: price.fromDay, currency: price.currency, amount: price.amount },
  ...{ set_by: price.setBy, set_at: price.setAt.toISOString() },
});

export const handler = onHttp(prices, { guard: openGuard, prices: openPrices, recorder: openRecorder });
