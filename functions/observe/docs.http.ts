/**
 * Docs: the OpenAPI document and two readers of it, from files beside the bundle (no CDN, nothing from outside).
 *
 * A name that is not one of the files answers not_found; a path can never leave the folder.
 */
import { Problem } from '#core/event/problem.ts';
import { onHttp } from '#functions/runtime/http.ts';
import { openPublicFiles, type PublicFiles } from '#functions/runtime/open.ts';
import type { HttpRequest, HttpResponse } from '#functions/runtime/request.ts';

export interface DocsPorts {
  readonly files: PublicFiles;
}

const contentTypes: Record<string, string> = {
  html: 'text/html; charset=utf-8',
  js: 'text/javascript; charset=utf-8',
  css: 'text/css; charset=utf-8',
  json: 'application/json',
  png: 'image/png',
};

/** Everything the pages load comes from here; Swagger UI and ReDoc style themselves inline, ReDoc searches in a worker. */
const contentSecurityPolicy =
  "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; worker-src 'self' blob:; frame-ancestors 'none'; base-uri 'none'";

export async function docs({ files }: DocsPorts, request: HttpRequest): Promise<HttpResponse> {
  const name = fileOf(request.path);
  const body = await files.read(name);
  if (!body) throw new Problem('not_found', 'There is no such page.');
  return {
    status: 200,
    headers: {
      'content-type': contentTypes[name.slice(name.lastIndexOf('.') + 1)] ?? 'application/octet-stream',
      'content-security-policy': contentSecurityPolicy,
      'x-content-type-options': 'nosniff',
      'cache-control': 'public, max-age=300',
    },
    // Text goes out as text: API Gateway turns base64 into bytes only for types it knows as binary.
    body: name.endsWith('.png') ? body : new TextDecoder().decode(body),
  };
}

/** `/docs` → `docs/index.html`, `/docs/x.js` → `docs/x.js`, `/openapi.json` → `openapi.json` */
function fileOf(path: string): string {
  const name = path.replace(/^\/+|\/+$/g, '');
  return name === 'docs' || name === 'redoc' ? `${name}/index.html` : name;
}

export const handler = onHttp(docs, { files: openPublicFiles });
