/** How a verb meets a deployment: invoked by name, with a payload, by someone who may invoke it. */
import middy from '@middy/core';
import { type Openers, openOnce } from './ports.ts';

export type DeployVerb<Ports, Payload, Report> = (
  ports: Ports,
  payload: Payload,
  at: { readonly now: Date },
) => Promise<Report>;

/** Turns a verb over ports into a Lambda handler. The report may hold a secret, so it is returned and never traced. */
export function onDeploy<Ports, Payload, Report>(verb: DeployVerb<Ports, Payload, Report>, openers: Openers<Ports>) {
  const open = openOnce(openers);
  return middy<Payload, Report>().handler(
    async (payload: Payload): Promise<Report> => verb(await open(), payload, { now: new Date() }),
  );
}
