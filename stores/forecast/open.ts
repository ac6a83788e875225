/** The members that are not plain TypeScript. */
import type { Member } from '#core/costs/forecast/member.ts';
import { openAirline } from './airline.ts';
import { openMstl } from './mstl.ts';

/** Loads both, once for the life of a process: about 30 ms. */
export const openForecasters = async (): Promise<readonly Member[]> => [await openMstl(), openAirline()];
