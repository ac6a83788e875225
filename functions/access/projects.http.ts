/** Projects and their environments: the tenant's own words for what its keys and events belong to. */
import * as z from 'zod';
import type { Caller } from '#core/access/access.ts';
import type { Guard } from '#core/access/guard.ts';
import { nameShape, projectIdShape } from '#core/access/key.ts';
import type { Environment, Project, ProjectRegistry } from '#core/access/ports.ts';
import { Problem } from '#core/event/problem.ts';
import { circumstancesOf } from '#functions/runtime/circumstances.ts';
import { jsonBody, onHttp } from '#functions/runtime/http.ts';
import { openGuard, openProjects } from '#functions/runtime/open.ts';
import type { HttpRequest, HttpResponse } from '#functions/runtime/request.ts';
import { listQuery, nextOf } from './list-page.ts';

export interface ProjectsPorts {
  readonly guard: Guard;
  readonly projects: ProjectRegistry;
}

/** Body of POST /v1/projects and of POST …/environments. The name is for people; without one it is the id. */
export const projectBody = z.strictObject({ id: projectIdShape, name: nameShape.optional() });

const noProject = () => new Problem('not_found', 'There is no project with this id.');

export async function projects(ports: ProjectsPorts, request: HttpRequest): Promise<HttpResponse> {
  const caller = await ports.guard.require(request, 'keys:manage', circumstancesOf(request));
  const projectId = request.params.projectId;
  const route = `${request.method} ${projectId === undefined ? '' : 'one'}${request.path.endsWith('/environments') && projectId !== undefined ? '/environments' : ''}`;
  if (projectId !== undefined) requireVisible(caller, projectId);
  switch (route) {
    case 'POST ':
      return create(ports, request, caller);
    case 'GET ':
      return list(ports, request, caller);
    case 'GET one':
      return show(ports, caller, projectId!);
    case 'POST one/environments':
      return createEnvironment(ports, request, caller, projectId!);
    case 'GET one/environments':
      return listEnvironments(ports, request, caller, projectId!);
    default:
      throw new Problem('method_not_allowed', 'This path does not take that method.');
  }
}

/** An id of another shape was never given out, and a key of one project sees no other: both are not there. */
function requireVisible(caller: Caller, projectId: string): void {
  const visible = caller.project === undefined || caller.project === projectId;
  if (!visible || !projectIdShape.safeParse(projectId).success) throw noProject();
}

async function create(ports: ProjectsPorts, request: HttpRequest, caller: Caller): Promise<HttpResponse> {
  if (caller.project !== undefined) throw new Problem('forbidden', 'This key belongs to one project.');
  const { id, name } = jsonBody(request, projectBody);
  const project: Project = { id, name: name ?? id, createdAt: request.now };
  await ports.projects.create(caller.tenant, project);
  return { status: 201, body: view(project) };
}

async function list(ports: ProjectsPorts, request: HttpRequest, caller: Caller): Promise<HttpResponse> {
  const { after, limit } = listQuery(request.query);
  const page = await ports.projects.list(caller.tenant, after, limit);
  const visible = page.filter(({ id }) => caller.project === undefined || caller.project === id);
  return { status: 200, body: { projects: visible.map(view), next: nextOf(page, limit, ({ id }) => id) } };
}

async function show(ports: ProjectsPorts, caller: Caller, projectId: string): Promise<HttpResponse> {
  const project = await ports.projects.get(caller.tenant, projectId);
  if (!project) throw noProject();
  return { status: 200, body: view(project) };
}

async function createEnvironment(ports: ProjectsPorts, request: HttpRequest, caller: Caller, projectId: string) {
  if (caller.environment !== undefined) throw new Problem('forbidden', 'This key belongs to one environment.');
  const { id, name } = jsonBody(request, projectBody);
  const environment: Environment = { id, name: name ?? id, createdAt: request.now };
  if (!(await ports.projects.createEnvironment(caller.tenant, projectId, environment))) throw noProject();
  return { status: 201, body: view(environment) };
}

async function listEnvironments(ports: ProjectsPorts, request: HttpRequest, caller: Caller, projectId: string) {
  const { after, limit } = listQuery(request.query);
  const page = await ports.projects.listEnvironments(caller.tenant, projectId, after, limit);
  if (!page) throw noProject();
  const visible = page.filter(({ id }) => caller.environment === undefined || caller.environment === id);
  return { status: 200, body: { environments: visible.map(view), next: nextOf(page, limit, ({ id }) => id) } };
}

const view = ({ id, name, createdAt }: Project | Environment) => ({ id, name, created_at: createdAt.toISOString() });

export const handler = onHttp(projects, { guard: openGuard, projects: openProjects });
