/**
 * Health: the front door answers. It touches nothing behind it, so that a load balancer or a start-up script
 * can ask as often as it likes and never wakes a paused database.
 */
import { onHttp } from '#functions/runtime/http.ts';
import type { HttpResponse } from '#functions/runtime/request.ts';
import manifest from '../../package.json' with { type: 'json' };

export async function health(): Promise<HttpResponse> {
  return { status: 200, body: { status: 'ok', version: manifest.version } };
}

export const handler = onHttp(health, {});
