/**
 * Bundles every function with one call of esbuild: dist/functions/<area>-<verb>/index.mjs and what lies beside it.
 * The files that run here are the files that deploy. Nothing happens when no source changed.
 */
import { createHash } from 'node:crypto';
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { build, type Plugin } from 'esbuild';

/** What bundles are made of. */
const sources = ['functions', 'core', 'stores', 'sql', 'local/bundle.ts', 'openapi.json', 'package-lock.json'];
const entryPattern = /^([a-z][a-z-]*)\.(?:http|queue|schedule|deploy|authorizer)\.ts$/;
/** Stays a package of its own: see copyCedar. */
const cedar = '@cedar-policy/cedar-wasm/nodejs';
/** The same, with the other members of forecasts: see copyMembers. */
const mstl = '@bsull/augurs/mstl';
/** Packages in CommonJS still ask for `require` inside ESM. */
const banner = "import{createRequire}from'node:module';const require=createRequire(import.meta.url);";

/**
 * `import … from 'node:http'` reads every property of the module for its ESM face, and one of them loads undici whole,
 * at each cold start and for nothing. `require` leaves it alone.
 */
const requiredHttp: Plugin = {
  name: 'required-http',
  setup({ onResolve, onLoad }) {
    onResolve({ filter: /^(?:node:)?http$/ }, ({ kind }) =>
      kind === 'import-statement' ? { path: 'node:http', namespace: 'required' } : undefined,
    );
    onLoad({ filter: /^/, namespace: 'required' }, ({ path }) => ({
      contents: `module.exports = require(${JSON.stringify(path)});`,
    }));
  },
};

/** Bundle name → source, for every Lambda of the repository. */
export function findEntries(root: string): Record<string, string> {
  const areas = readdirSync(join(root, 'functions'), { withFileTypes: true }).filter(
    (one) => one.isDirectory() && one.name !== 'runtime',
  );
  const entries = areas.flatMap((area) =>
    readdirSync(join(root, 'functions', area.name)).flatMap((file) => {
      const verb = entryPattern.exec(file)?.[1];
      return verb === undefined ? [] : [[`${area.name}-${verb}`, join(root, 'functions', area.name, file)] as const];
    }),
  );
  return Object.fromEntries(entries);
}

export interface Bundled {
  readonly outDir: string;
  /** False when the bundles were there already. */
  readonly changed: boolean;
}

/** Makes the bundles; throws with the list of what esbuild could not resolve or parse. */
export async function bundleFunctions({ root = process.cwd() }: { readonly root?: string } = {}): Promise<Bundled> {
  const outDir = join(root, 'dist/functions');
  const key = keyOf(root);
  const keyFile = join(outDir, 'content-key');
  if (existsSync(keyFile) && readFileSync(keyFile, 'utf8') === key) return { outDir, changed: false };
  const entries = findEntries(root);
  rmSync(outDir, { recursive: true, force: true });
  try {
    const { metafile } = await build({
      absWorkingDir: resolve(root),
      entryPoints: Object.entries(entries).map(([name, source]) => ({ in: source, out: `${name}/index` })),
      outdir: outDir,
      outExtension: { '.js': '.mjs' },
      bundle: true,
      minify: true,
      keepNames: true,
      treeShaking: true,
      sourcemap: 'linked',
      sourcesContent: false,
      format: 'esm',
      platform: 'node',
      target: 'node24',
      mainFields: ['module', 'main'],
      banner: { js: banner },
      legalComments: 'none',
      logLevel: 'silent',
      external: [cedar, mstl],
      plugins: [requiredHttp],
      metafile: true,
    });
    for (const [file, { imports }] of Object.entries(metafile.outputs)) {
      if (imports.some(({ path }) => path === cedar)) copyCedar(root, join(root, file, '..'));
      if (imports.some(({ path }) => path === mstl)) copyMembers(root, join(root, file, '..'));
    }
  } catch (error) {
    const errors = (error as { errors?: { text: string; location?: { file: string; line: number } }[] }).errors ?? [];
    const lines = errors.map((one) => `  ${one.location?.file ?? '?'}:${one.location?.line ?? 0} ${one.text}`);
    throw new Error(`bundling failed:\n${lines.join('\n') || String(error)}`);
  }
  if ('access-bootstrap' in entries) {
    cpSync(join(root, 'sql/migrations'), join(outDir, 'access-bootstrap/sql'), { recursive: true });
    cpSync(join(root, 'sql/shards.sql'), join(outDir, 'access-bootstrap/shards.sql'));
  }
  if ('observe-docs' in entries) copyPages(root, join(outDir, 'observe-docs/public'));
  writeFileSync(keyFile, key);
  return { outDir, changed: true };
}

/**
 * Cedar as a package beside the bundle: its WebAssembly is a file of 4 MB that it reads from its own folder, and the
 * first decision loads it by the name by which the sources import it.
 */
function copyCedar(root: string, bundle: string): void {
  const from = join(root, 'node_modules', cedar, '..');
  const to = join(bundle, 'node_modules', cedar, '..');
  mkdirSync(join(to, 'nodejs'), { recursive: true });
  for (const name of ['package.json', 'nodejs/package.json', 'nodejs/cedar_wasm.js', 'nodejs/cedar_wasm_bg.wasm']) {
    cpSync(join(from, name), join(to, name));
  }
}

/** Both packages load their WebAssembly by themselves, each in its own way, and from their own folders. */
function copyMembers(root: string, bundle: string): void {
  const members = {
    '@bsull/augurs': ['package.json', 'mstl.js', 'mstl_bg.wasm'],
    arima: ['package.json', 'index.js', 'load.js', 'wasm/native-sync.js', 'wrapper/native.bin.js'],
  };
  for (const [name, files] of Object.entries(members)) {
    for (const file of files) {
      const to = join(bundle, 'node_modules', name, file);
      mkdirSync(join(to, '..'), { recursive: true });
      cpSync(join(root, 'node_modules', name, file), to);
    }
  }
}

/** The readers of our OpenAPI document, whole: nothing comes from a CDN. */
function copyPages(root: string, to: string): void {
  const copy = (from: string, name: string) => {
    mkdirSync(join(to, name, '..'), { recursive: true });
    cpSync(join(root, from), join(to, name));
  };
  if (existsSync(join(root, 'openapi.json'))) copy('openapi.json', 'openapi.json');
  for (const name of ['swagger-ui.css', 'swagger-ui-bundle.js', 'favicon-32x32.png']) {
    copy(`node_modules/swagger-ui-dist/${name}`, `docs/${name}`);
  }
  copy('node_modules/redoc/bundles/redoc.standalone.js', 'redoc/redoc.standalone.js');
  writeFileSync(
    join(to, 'docs/start.js'),
    "SwaggerUIBundle({ url: 'openapi.json', dom_id: '#ui', deepLinking: true, validatorUrl: null });\n",
  );

  writeFileSync(
    join(to, 'docs/index.html'),
    page(
      '<link rel="icon" href="docs/favicon-32x32.png"><link rel="stylesheet" href="docs/swagger-ui.css">',
      '<div id="ui"></div><script src="docs/swagger-ui-bundle.js"></script><script src="docs/start.js"></script>',
    ),
  );
  writeFileSync(
    join(to, 'redoc/index.html'),
    page('', '<redoc spec-url="openapi.json"></redoc><script src="redoc/redoc.standalone.js"></script>'),
  );
}

const page = (head: string, body: string) =>
  `<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Trailkeep API</title>${head}</head><body>${body}</body></html>\n`;

function keyOf(root: string): string {
  const hash = createHash('sha256');
  const add = (path: string) => {
    const full = join(root, path);
    if (!existsSync(full)) return;
    if (statSync(full).isDirectory()) {
      for (const name of readdirSync(full).sort()) add(join(path, name));
      return;
    }
    hash.update(`${path}\0`).update(readFileSync(full)).update('\0');
  };
  for (const path of sources) add(path);
  return hash.digest('hex');
}
