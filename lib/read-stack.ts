/** Admin verbs, and the front door with the routes of every area. */
import { Stack, type StackProps } from 'aws-cdk-lib';
import { StringParameter } from 'aws-cdk-lib/aws-ssm';
import type { Construct } from 'constructs';
import type { CostsStack } from './costs-stack.ts';
import type { DataStack } from './data-stack.ts';
import { FrontDoor } from './parts/front-door.ts';
import type { Inside, Place } from './parts/function.ts';
import { Access } from './stages/access.ts';
import { Observe } from './stages/observe.ts';
import type { Proof } from './stages/proof.ts';
import type { Record } from './stages/record.ts';
import type { TrailStack } from './trail-stack.ts';

export interface ReadProps extends Place {
  readonly data: DataStack;
  readonly inside: Inside;
  readonly record: Record;
  readonly proof: Proof;
  readonly trail: TrailStack;
  readonly costs: CostsStack;
}

export class ReadStack extends Stack {
  readonly access: Access;
  readonly observe: Observe;
  readonly door: FrontDoor;

  constructor(scope: Construct, id: string, read: ReadProps, props: StackProps) {
    super(scope, id, props);
    const { settings, record, proof } = read;
    const { query, athena, privacy, archive } = read.trail;
    const { charging, definitions, forecasting, loading } = read.costs;
    this.access = new Access(this, 'Access', read);
    this.observe = new Observe(this, 'Observe', read);
    this.door = new FrontDoor(this, 'Door', { settings, authenticate: this.access.authenticate });
    const { door, access, observe } = this;

    door.route('/v1/events', ['POST'], record.accept);
    door.route('/v1/events', ['GET'], query.search);
    door.route('/v1/events/search', ['POST'], query.search);
    door.route('/v1/events/feed', ['GET'], query.feed);
    door.route('/v1/events/{eventId}', ['GET'], query.show);
    door.route('/v1/events/{eventId}/proof', ['GET'], proof.prove);
    door.route('/v1/queries', ['POST'], athena.queries);
    door.route('/v1/queries/{queryId}', ['GET', 'DELETE'], athena.queries);
    door.route('/v1/queries/{queryId}/results', ['GET'], athena.queries);
    door.route('/v1/log', ['GET'], proof.logs);
    door.route('/v1/log/consistency', ['GET'], proof.logs);
    door.route('/v1/log/range-proof', ['POST'], proof.range);
    door.route('/v1/exports', ['POST'], query.askExport);
    door.route('/v1/exports/auditor', ['POST'], proof.exports);
    door.route('/v1/exports/{exportId}', ['GET'], proof.exports);
    door.route('/v1/exports/{exportId}/content', ['GET'], proof.exports);
    door.route('/t/{slug}/{path+}', ['GET'], proof.tiles);
    door.route('/v1/tenants', ['GET', 'POST'], access.tenants);
    door.route('/v1/tenants/{tenantId}', ['GET', 'PATCH'], access.tenants);
    door.route('/v1/tenants/{tenantId}/keys', ['GET', 'POST'], access.tenants);
    door.route('/v1/tenants/{tenantId}/move', ['GET', 'POST'], access.tenants);
    door.route('/v1/tenants/{tenantId}/move/finish', ['POST'], access.tenants);
    door.route('/v1/tenants/{tenantId}/issuers', ['GET', 'POST'], access.issuers);
    door.route('/v1/tenants/{tenantId}/issuers/{issuerId}', ['GET', 'DELETE'], access.issuers);
    door.route('/v1/tenants/{tenantId}/intake', ['GET', 'POST'], record.openIntake);
    door.route('/v1/tenants/{tenantId}/log/recover', ['POST'], proof.recover);
    door.route('/v1/tenants/{tenantId}/archive/rebuild', ['POST'], archive.rebuild);
    door.route('/v1/tenants/{tenantId}/replay', ['POST'], archive.replay);
    door.route('/v1/keys', ['GET', 'POST'], access.keys);
    door.route('/v1/keys/{keyId}', ['GET', 'DELETE'], access.keys);
    door.route('/v1/keys/{keyId}/rotate', ['POST'], access.keys);
    door.route('/v1/projects', ['GET', 'POST'], access.projects);
    door.route('/v1/projects/{projectId}', ['GET'], access.projects);
    door.route('/v1/projects/{projectId}/environments', ['GET', 'POST'], access.projects);
    door.route('/v1/policy', ['GET', 'PUT'], access.policy);
    door.route('/v1/schemas', ['GET'], access.policy);
    door.route('/v1/schemas/{action}', ['GET', 'PUT', 'DELETE'], access.policy);
    door.route('/v1/roles', ['GET'], access.roles);
    door.route('/v1/roles/{roleId}', ['GET', 'PUT', 'DELETE'], access.roles);
    door.route('/v1/permissions', ['GET'], access.permissions);
    door.route('/v1/permissions/{module}/{permission}', ['PUT', 'DELETE'], access.permissions);
    door.route('/v1/permissions/check', ['POST'], access.check);
    door.route('/v1/permissions/effective', ['GET'], access.check);
    door.route('/v1/assignments', ['GET', 'POST'], access.assignments);
    door.route('/v1/assignments/{assignmentId}', ['GET', 'DELETE'], access.assignments);
    door.route('/v1/break-glass', ['GET', 'POST'], access.breakGlass);
    door.route('/v1/break-glass/{breakGlassId}', ['GET'], access.breakGlass);
    door.route('/v1/break-glass/{breakGlassId}/end', ['POST'], access.breakGlass);
    door.route('/v1/break-glass/{breakGlassId}/review', ['POST'], access.breakGlass);
    door.route('/v1/privacy/requests', ['GET', 'POST'], privacy.requests);
    door.route('/v1/privacy/requests/{requestId}', ['GET'], privacy.requests);
    for (const step of ['verify', 'approve', 'refuse', 'extend', 'cancel']) {
      door.route(`/v1/privacy/requests/{requestId}/${step}`, ['POST'], privacy.requests);
    }
    door.route('/v1/privacy/requests/{requestId}/package', ['GET'], privacy.requests);
    door.route('/v1/holds', ['GET', 'POST'], privacy.holds);
    door.route('/v1/holds/{holdId}/release', ['POST'], privacy.holds);
    door.route('/v1/retention', ['GET', 'PUT'], archive.retention);
    door.route('/v1/retention/approve', ['POST'], archive.retention);
    door.route('/v1/retention/purges', ['GET'], archive.retention);
    door.route('/v1/archive/restores', ['GET', 'POST'], archive.restores);
    door.route('/v1/archive/restores/{restoreId}', ['GET'], archive.restores);
    door.route('/v1/archive/restores/{restoreId}/confirm', ['POST'], archive.restores);
    door.route('/v1/jobs', ['GET', 'POST'], definitions.define);
    door.route('/v1/jobs/{jobId}', ['GET', 'DELETE'], definitions.define);
    door.route('/v1/jobs/{jobId}/history', ['GET'], definitions.define);
    for (const step of ['enable', 'disable', 'run']) {
      door.route(`/v1/jobs/{jobId}/${step}`, ['POST'], definitions.define);
    }
    for (const path of ['', '/{view}']) door.route(`/v1/costs/views${path}`, ['GET'], read.costs.views);
    door.route('/v1/sources', ['GET', 'POST'], loading.sources);
    door.route('/v1/sources/{sourceId}', ['GET', 'PUT', 'DELETE'], loading.sources);
    door.route('/v1/sources/{sourceId}/quarantine', ['GET'], loading.sources);
    door.route('/v1/sources/{sourceId}/loads', ['GET'], loading.sources);
    door.route('/v1/sources/{sourceId}/files', ['GET', 'POST'], loading.sources);
    door.route('/v1/prices', ['GET', 'POST'], loading.prices);
    door.route('/v1/costs', ['GET'], charging.figures);
    door.route('/v1/forecasts', ['GET'], forecasting.forecasts);
    door.route('/v1/costs/statement', ['GET'], charging.statement);
    door.route('/v1/costs/statements', ['GET'], charging.statement);
    door.route('/v1/costs/statement/approve', ['POST'], charging.statement);
    door.route('/v1/costs/statement/lock', ['POST'], charging.statement);
    door.route('/v1/overrides', ['GET', 'POST'], charging.overrides);
    door.route('/v1/overrides/{overrideId}', ['GET'], charging.overrides);
    for (const step of ['approve', 'refuse', 'withdraw']) {
      door.route(`/v1/overrides/{overrideId}/${step}`, ['POST'], charging.overrides);
    }
    for (const path of ['', '/graph', '/figure', '/impact'])
      door.route(`/v1/lineage${path}`, ['GET'], charging.lineage);
    door.route('/v1/whoami', ['GET'], access.whoami);
    door.route('/v1/dead-letters', ['GET'], record.deadLetters);
    door.route('/v1/dead-letters/{queue}', ['GET'], record.deadLetters);
    door.route('/v1/dead-letters/{queue}/redrive', ['POST'], record.deadLetters);
    door.routePublic('/v1/health', observe.health);
    for (const path of ['/openapi.json', '/docs', '/docs/{file+}', '/redoc', '/redoc/{file+}']) {
      door.routePublic(path, observe.docs);
    }

    const out = { apiUrl: door.api.url, bootstrapFunction: access.bootstrap.live.functionArn };
    for (const [name, stringValue] of Object.entries(out)) {
      new StringParameter(this, `Out-${name}`, { parameterName: `/trailkeep/${settings.stage}/${name}`, stringValue });
    }
  }
}
