/** How the ports of requests are opened, for the verb and for the schedule. */
import {
  openBlocks,
  openCatalogue,
  openCipher,
  openClock,
  openCritical,
  openDeliveries,
  openIds,
  openKeyLifecycle,
  openPackages,
  openPolicies,
  openPrivacyRequests,
  openRecorder,
  openSha256,
  openSubjectKeys,
  openTenants,
} from '#functions/runtime/open.ts';
import type { Openers } from '#functions/runtime/ports.ts';
import type { ExecutePorts } from './execute.ts';
import { createSubjectEvents } from './subject-events.ts';

export const privacyOpeners: Openers<ExecutePorts> = {
  requests: openPrivacyRequests,
  recorder: openRecorder,
  lifecycle: openKeyLifecycle,
  subjectKeys: openSubjectKeys,
  cipher: openCipher,
  deliveries: openDeliveries,
  packages: openPackages,
  sha256: openSha256,
  ids: openIds,
  clock: openClock,
  controllerOf: async () => {
    const [tenants, policies] = [await openTenants(), await openPolicies()];
    return async (id) => {
      const [tenant, { settings }] = await Promise.all([tenants.get(id), policies.get(id)]);
      return { name: tenant?.name ?? 'the controller', statements: settings.processing ?? {} };
    };
  },
  subjectEvents: async () =>
    createSubjectEvents({
      critical: await openCritical(),
      catalogue: await openCatalogue(),
      blocks: openBlocks(),
      subjectKeys: await openSubjectKeys(),
      cipher: openCipher(),
    }),
};
