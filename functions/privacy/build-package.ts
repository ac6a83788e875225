/** Builds a package: zips of a bounded size, each sealed under the subject's key before it is stored. */
import { strToU8, zipSync } from 'fflate';
import type { ShownEvent } from '#core/privacy/open.ts';
import { type PackageAbout, packageFiles, packageManifest } from '#core/privacy/package.ts';
import type { DataKey } from '#core/privacy/ports.ts';
import type { PackagePart, PrivacyRequest } from '#core/privacy/request.ts';
import type { Packages, SubjectEvents } from '#core/privacy/request-ports.ts';
import { type BoxPorts, sealBox } from './boxes.ts';

export interface BuildPorts extends BoxPorts {
  readonly subjectEvents: SubjectEvents;
  readonly packages: Packages;
  readonly sha256: (data: Uint8Array) => string;
}

/** Lambda answers 6 MB, as base64: this leaves room when nothing can be compressed, for table and lines alike. */
const partBytesMax = 1_900_000;

/** What is the same in every part. */
export type About = Omit<PackageAbout, 'part' | 'events' | 'type' | 'request'>;

/** Stores all parts, at least one, under names that start with `run`. Building again under another run does no harm. */
export async function buildPackage(
  ports: BuildPorts,
  request: PrivacyRequest,
  key: DataKey,
  run: string,
  common: About,
): Promise<readonly PackagePart[]> {
  const parts: PackagePart[] = [];
  let events: ShownEvent[] = [];
  let bytes = 0;
  const flush = async () => {
    const part = parts.length + 1;
    const type = request.type === 'portability' ? 'portability' : 'access';
    const zip = zipOf(ports, { ...common, request: request.id, type, part, events: events.length }, events);
    const box = sealBox(ports, key, packagePlace(request, part), Buffer.from(zip).toString('base64'));
    await ports.packages.put(request.tenant, request.id, `${run}-${part}`, box);
    parts.push({ part, events: events.length, bytes: zip.length, sha256: ports.sha256(zip) });
    events = [];
    bytes = 0;
  };
  for await (const event of ports.subjectEvents.find(request.tenant, common.subject)) {
    const size = Buffer.byteLength(JSON.stringify(event));
    if (bytes > 0 && bytes + size > partBytesMax) await flush();
    events.push(event);
    bytes += size;
  }
  if (events.length > 0 || parts.length === 0) await flush();
  return parts;
}

/** What a part's seal is bound to. */
export const packagePlace = (request: PrivacyRequest, part: number) =>
  ({ tenant: request.tenant, id: `${request.id}/${part}`, what: 'package' }) as const;

function zipOf(ports: BuildPorts, about: PackageAbout, events: readonly ShownEvent[]): Uint8Array {
  const files = packageFiles(about, events).map(({ name, text }) => ({ name, data: strToU8(text) }));
  const listed = files.map(({ name, data }) => ({ name, bytes: data.length, sha256: ports.sha256(data) }));
  const manifest = packageManifest(about, listed);
  const entries = [{ name: manifest.name, data: strToU8(manifest.text) }, ...files];
  return zipSync(Object.fromEntries(entries.map(({ name, data }) => [name, data])), { mtime: about.generatedAt });
}
