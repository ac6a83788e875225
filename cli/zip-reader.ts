/**
 * Files inside a zip, read where they lie: nothing is unpacked, and a zip of gigabytes takes no memory.
 *
 * Sizes come from the central directory, because a streamed zip has none in front of its files. No zip64, no
 * encryption; a name twice is refused, so that nobody sees another file than the next reader.
 */
import { createReadStream } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { pipeline, Readable } from 'node:stream';
import { createInflateRaw, inflateRawSync } from 'node:zlib';
import { CliError } from './fail.ts';

interface Member {
  readonly method: number;
  readonly packed: number;
  readonly size: number;
  readonly header: number;
}

export interface Zip {
  names(): Iterable<string>;
  /** Undefined when there is no such file. Throws CliError when it is larger than `bytesMax` or broken. */
  read(name: string, bytesMax: number): Promise<Uint8Array | undefined>;
  stream(name: string): Promise<Readable | undefined>;
  close(): Promise<void>;
}

const endBytes = 22;
const commentMax = 65_535;
const endMark = 0x06054b50;
const memberMark = 0x02014b50;
const headerMark = 0x04034b50;
const headerBytes = 30;
const stored = 0;
const deflated = 8;

/** Opens a zip file. */
export async function openZip(path: string): Promise<Zip> {
  const file = await open(path);
  try {
    return zipOf(path, file, await readDirectory(path, file));
  } catch (error) {
    await file.close();
    throw error;
  }
}

function zipOf(path: string, file: FileHandle, members: ReadonlyMap<string, Member>): Zip {
  const startOf = async ({ header, packed }: Member): Promise<number> => {
    const bytes = await part(file, header, headerBytes);
    if (bytes.length < headerBytes || bytes.readUInt32LE(0) !== headerMark) throw broken(path);
    const start = header + headerBytes + bytes.readUInt16LE(26) + bytes.readUInt16LE(28);
    if (start + packed > (await file.stat()).size) throw broken(path);
    return start;
  };
  return {
    names: () => members.keys(),
    async read(name, bytesMax) {
      const member = members.get(name);
      if (!member) return undefined;
      if (member.size > bytesMax)
        throw new CliError(`${name} in ${path} has ${member.size} bytes, and should have fewer.`);
      const packed = await part(file, await startOf(member), member.packed);
      try {
        const bytes = member.method === stored ? packed : inflateRawSync(packed, { maxOutputLength: bytesMax });
        if (bytes.length !== member.size) throw broken(path);
        return bytes;
      } catch (error) {
        throw error instanceof CliError ? error : broken(path, name);
      }
    },
    async stream(name) {
      const member = members.get(name);
      if (!member) return undefined;
      const start = await startOf(member);
      if (member.packed === 0) return Readable.from([]);
      const raw = createReadStream(path, { start, end: start + member.packed - 1 });
      return member.method === stored ? raw : pipeline(raw, createInflateRaw(), () => {});
    },
    close: () => file.close(),
  };
}

async function readDirectory(path: string, file: FileHandle): Promise<ReadonlyMap<string, Member>> {
  const { size } = await file.stat();
  const tailAt = Math.max(0, size - endBytes - commentMax);
  const tail = await part(file, tailAt, size - tailAt);
  let end = tail.length - endBytes;
  while (end >= 0 && tail.readUInt32LE(end) !== endMark) end--;
  if (end < 0) throw new CliError(`${path} is no zip, or was cut off.`);
  const count = tail.readUInt16LE(end + 10);
  const directory = await part(file, tail.readUInt32LE(end + 16), tail.readUInt32LE(end + 12));
  const members = new Map<string, Member>();
  let at = 0;
  for (let i = 0; i < count; i++) {
    if (at + 46 > directory.length || directory.readUInt32LE(at) !== memberMark) throw broken(path);
    const [nameBytes, extra, comment] = [28, 30, 32].map((field) => directory.readUInt16LE(at + field));
    const name = directory.toString('utf8', at + 46, at + 46 + nameBytes!);
    const method = directory.readUInt16LE(at + 10);
    const isEncrypted = (directory.readUInt16LE(at + 8) & 1) === 1;
    if (isEncrypted || (method !== stored && method !== deflated) || members.has(name)) throw broken(path, name);
    members.set(name, {
      method,
      packed: directory.readUInt32LE(at + 20),
      size: directory.readUInt32LE(at + 24),
      header: directory.readUInt32LE(at + 42),
    });
    at += 46 + nameBytes! + extra! + comment!;
  }
  return members;
}

async function part(file: FileHandle, start: number, length: number): Promise<Buffer> {
  const buffer = Buffer.alloc(length);
  let got = 0;
  while (got < length) {
    const { bytesRead } = await file.read(buffer, got, length - got, start + got);
    if (bytesRead === 0) break;
    got += bytesRead;
  }
  return buffer.subarray(0, got);
}

const broken = (path: string, name?: string): CliError =>
  new CliError(`${path} is broken${name === undefined ? '' : ` at ${JSON.stringify(name)}`}.`, 'Fetch it again.');
