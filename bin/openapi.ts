/** Writes openapi.json from the schemas that validate (`npm run openapi`); a test compares it with the committed file. */
import { writeFileSync } from 'node:fs';
import { type ProblemCode, problemKinds } from '#core/event/problem.ts';
import { eventJsonSchema, inputJsonSchema } from '#core/event/schema.ts';
import manifest from '../package.json' with { type: 'json' };
import { key, paths } from './openapi-paths.ts';
import { accessPaths, grantSchema } from './openapi-paths-access.ts';
import { archivePaths } from './openapi-paths-archive.ts';
import { breakGlassPaths } from './openapi-paths-break-glass.ts';
import { costPaths } from './openapi-paths-costs.ts';
import { eventPaths, filter } from './openapi-paths-events.ts';
import { exportPaths } from './openapi-paths-exports.ts';
import { forecastPaths } from './openapi-paths-forecasts.ts';
import { issuerPaths } from './openapi-paths-issuers.ts';
import { jobPaths } from './openapi-paths-jobs.ts';
import { privacyPaths } from './openapi-paths-privacy.ts';
import { proofPaths } from './openapi-paths-proof.ts';
import { queryPaths } from './openapi-paths-queries.ts';
import { rebuildPaths } from './openapi-paths-rebuild.ts';
import { retentionPaths } from './openapi-paths-retention.ts';
import { sourcePaths } from './openapi-paths-sources.ts';
import { viewPaths } from './openapi-paths-views.ts';
import { type Operation, object, ref, type Schema, text, withoutDialect } from './openapi-words.ts';

/** Codes that every operation behind the authorizer may answer. */
const always: readonly ProblemCode[] = ['unauthenticated', 'forbidden', 'unavailable', 'internal'];

/** The document (OpenAPI 3.1). */
export function openapi(): object {
  return {
    openapi: '3.1.0',
    info: {
      title: 'Trailkeep',
      version: manifest.version,
      description: manifest.description,
      license: { name: manifest.license, identifier: manifest.license },
    },
    servers: [{ url: '/' }],
    security: [{ key: [] }],
    paths: Object.fromEntries(
      Object.entries({
        ...eventPaths,
        ...paths,
        ...accessPaths,
        ...breakGlassPaths,
        ...issuerPaths,
        ...privacyPaths,
        ...exportPaths,
        ...proofPaths,
        ...retentionPaths,
        ...queryPaths,
        ...rebuildPaths,
        ...archivePaths,
        ...jobPaths,
        ...costPaths,
        ...sourcePaths,
        ...viewPaths,
        ...forecastPaths,
      }).map(([path, operations]) => [
        path,
        Object.fromEntries(
          Object.entries(operations).map(([method, operation]) => [method, operationOf(path, method, operation)]),
        ),
      ]),
    ),
    components: {
      securitySchemes: {
        key: {
          type: 'http',
          scheme: 'bearer',
          bearerFormat: 'tk_…',
          description: 'Your API key, or a token of an OIDC issuer that vouches for you.',
        },
      },
      schemas: {
        Event: withoutDialect(eventJsonSchema() as Schema),
        EventInput: withoutDialect(inputJsonSchema() as Schema),
        Filter: filter,
        Grant: grantSchema,
        Key: key,
        Problem: object(
          {
            type: { type: 'string', format: 'uri' },
            title: text,
            status: { type: 'integer' },
            code: { enum: Object.keys(problemKinds) },
            detail: text,
            instance: text,
            pointer: text,
          },
          ['pointer'],
        ),
      },
    },
  };
}

function operationOf(path: string, method: string, operation: Operation): object {
  const open = operation.scope === undefined;
  const codes = [...(operation.problems ?? []), ...(open ? [] : always)];
  const byStatus = Map.groupBy(codes, (code) => problemKinds[code].status);
  const problems = [...byStatus].map(([status, some]) => [
    status,
    {
      description: some.map((code) => `\`${code}\``).join(', '),
      content: { 'application/problem+json': { schema: ref('Problem') } },
    },
  ]);
  return {
    operationId: `${method}${path
      .replace(/^\/v1/, '')
      .replace(/[{}]/g, '')
      .replace(/[/-]+(\w)/g, (_match, letter: string) => letter.toUpperCase())}`,
    tags: [path.startsWith('/t/') ? 'log' : path.split('/')[2]],
    summary: operation.summary,
    ...(operation.description || operation.scope
      ? {
          description: [operation.description, operation.scope ? `Scope: \`${operation.scope}\`.` : undefined]
            .filter(Boolean)
            .join(' '),
        }
      : {}),
    ...(open ? { security: [] } : {}),
    ...(operation.parameters ? { parameters: operation.parameters } : {}),
    ...(operation.body ? { requestBody: operation.body } : {}),
    responses: { ...operation.answers, ...Object.fromEntries(problems) },
  };
}

if (import.meta.main) writeFileSync('openapi.json', `${JSON.stringify(openapi(), null, 2)}\n`);
