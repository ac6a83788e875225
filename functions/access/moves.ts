/**
 * A tenant's move to another cluster, as an operator asks for it. What is asked is written down and answered at once; the
 * schedule of the shards does it, so nobody has to stay.
 */
import * as z from 'zod';
import type { Caller } from '#core/access/access.ts';
import type { Move, Moves, Residence } from '#core/access/move.ts';
import { Problem } from '#core/event/problem.ts';
import type { Recorder } from '#core/record/ports.ts';
import { jsonBody } from '#functions/runtime/http.ts';
import type { HttpRequest, HttpResponse } from '#functions/runtime/request.ts';
import { recordChange } from './record-change.ts';

export interface MovesPorts {
  readonly moves: Moves;
  /** Number of the last shard; 0 where there is one cluster. */
  readonly lastShard: number;
  readonly recorder: Recorder;
}

export const moveBody = z.strictObject({ to: z.int().min(0).max(99) });

export async function askMove(
  ports: MovesPorts,
  request: HttpRequest,
  caller: Caller,
  tenant: string,
): Promise<HttpResponse> {
  const { to } = jsonBody(request, moveBody);
  if (to > ports.lastShard) {
    const detail = ports.lastShard === 0 ? 'There is one cluster only.' : `The last shard is ${ports.lastShard}.`;
    throw new Problem('request_invalid', detail, { pointer: '/to' });
  }
  const before = await residenceOf(ports, tenant);
  if (!(await ports.moves.ask(tenant, to, caller.keyId, request.now))) {
    throw new Problem('conflict', 'The tenant is on its way elsewhere, or what it left behind is to be deleted first.');
  }
  const residence = await residenceOf(ports, tenant);
  if (residence.move?.askedAt.getTime() !== before.move?.askedAt.getTime()) {
    await record(ports, request, caller, tenant, 'tenant.move', before.shard, to);
  }
  return { status: residence.shard === to && isOver(residence) ? 200 : 202, body: residenceView(residence) };
}

export async function finishMove(
  ports: MovesPorts,
  request: HttpRequest,
  caller: Caller,
  tenant: string,
): Promise<HttpResponse> {
  const before = await residenceOf(ports, tenant);
  if (!(await ports.moves.finish(tenant, request.now))) {
    throw new Problem('conflict', 'The tenant has not moved, so nothing was left behind.');
  }
  const residence = await residenceOf(ports, tenant);
  if (before.move?.step === 'moved') {
    await record(ports, request, caller, tenant, 'tenant.move_finish', before.move.from, before.move.to);
  }
  return { status: residence.move?.step === 'finished' ? 200 : 202, body: residenceView(residence) };
}

export const showMove = async (ports: MovesPorts, tenant: string): Promise<HttpResponse> => ({
  status: 200,
  body: residenceView(await residenceOf(ports, tenant)),
});

async function residenceOf({ moves }: MovesPorts, tenant: string): Promise<Residence> {
  const residence = await moves.find(tenant);
  if (!residence) throw new Problem('not_found', 'There is no tenant with this id.');
  return residence;
}

const isOver = ({ move }: Residence): boolean => move === undefined || ['moved', 'finished'].includes(move.step);

const record = (
  ports: MovesPorts,
  request: HttpRequest,
  caller: Caller,
  tenant: string,
  action: string,
  from: number,
  to: number,
) =>
  recordChange(
    ports,
    request,
    caller,
    {
      action,
      targets: [{ type: 'tenant', id: tenant }],
      before: { shard: String(from) },
      after: { shard: String(to) },
    },
    tenant,
  );

const residenceView = ({ shard, move }: Residence) => ({ shard, move: move === undefined ? null : moveView(move) });

const moveView = (move: Move) => ({
  from: move.from,
  to: move.to,
  step: move.step,
  asked_by: move.askedBy,
  asked_at: move.askedAt.toISOString(),
  stepped_at: move.steppedAt.toISOString(),
  rows: move.rows ?? null,
  problem: move.problem ?? null,
});
