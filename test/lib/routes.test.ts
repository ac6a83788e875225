/** What is deployed and what is described are the same routes. */
import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { synthesize } from './support/synthesize.ts';

test('every deployed route is in the API description, and every described one is deployed', () => {
  const assembly = synthesize('dev');
  const resources = new Map(assembly.all('AWS::ApiGateway::Resource').map((one) => [one.id, one.Properties]));
  const pathOf = (reference: unknown): string => {
    const id = (reference as { Ref?: string }).Ref;
    const resource = id === undefined ? undefined : resources.get(id);
    // A plus says that slashes are part of the parameter; descriptions have no word for it.
    return resource ? `${pathOf(resource.ParentId)}/${String(resource.PathPart).replace('+}', '}')}` : '';
  };
  const deployed = assembly
    .all('AWS::ApiGateway::Method')
    .map(({ Properties }) => `${Properties.HttpMethod} ${pathOf(Properties.ResourceId)}`)
    // The readers of the description itself.
    .filter((route) => !/ \/(openapi\.json|docs|redoc)/.test(route));
  const { paths } = JSON.parse(readFileSync('openapi.json', 'utf8')) as { paths: Record<string, object> };
  const described = Object.entries(paths).flatMap(([path, operations]) =>
    Object.keys(operations).map((method) => `${method.toUpperCase()} ${path}`),
  );
  expect(deployed.sort()).toEqual(described.sort());
});
