/** Tables of the Glue catalogue as Athena reads them: columns, partitions that it works out by itself, and files. */

/** A table, in the words of Glue's API. */
export interface GlueTable {
  readonly Name: string;
  readonly Parameters: Readonly<Record<string, string>>;
  readonly PartitionKeys: readonly GlueColumn[];
  readonly StorageDescriptor: {
    readonly Location: string;
    readonly Columns: readonly GlueColumn[];
    readonly SerdeInfo: {
      readonly SerializationLibrary: string;
      readonly Parameters?: Readonly<Record<string, string>>;
    };
  };
}

export interface GlueColumn {
  readonly Name: string;
  readonly Type: string;
  readonly Comment?: string;
}

const scalars: Readonly<Record<string, string>> = {
  string: 'VARCHAR',
  boolean: 'BOOLEAN',
  int: 'INTEGER',
  bigint: 'BIGINT',
  double: 'DOUBLE',
};

/** A Hive type as DuckDB writes it: `array<struct<id:string>>` is `STRUCT("id" VARCHAR)[]`. Throws on one it does not know. */
export function duckType(hive: string): string {
  const type = hive.trim();
  const scalar = scalars[type];
  if (scalar) return scalar;
  if (type.startsWith('array<') && type.endsWith('>')) return `${duckType(type.slice(6, -1))}[]`;
  if (type.startsWith('struct<') && type.endsWith('>')) {
    const fields = splitTop(type.slice(7, -1)).map((field) => {
      const colon = field.indexOf(':');
      return `"${field.slice(0, colon).trim()}" ${duckType(field.slice(colon + 1))}`;
    });
    return `STRUCT(${fields.join(', ')})`;
  }
  throw new Error(`the local Athena does not know the type ${hive}`);
}

/** Parts between the commas that stand in no bracket. */
function splitTop(text: string): string[] {
  const parts: string[] = [];
  let depth = 0;
  let from = 0;
  for (let at = 0; at < text.length; at++) {
    if (text[at] === '<') depth++;
    else if (text[at] === '>') depth--;
    else if (text[at] === ',' && depth === 0) {
      parts.push(text.slice(from, at));
      from = at + 1;
    }
  }
  return [...parts, text.slice(from)];
}

/** What a table's projection says of one partition key. */
export interface Projected {
  readonly injected: boolean;
  /** Whether the table has a partition with this value. */
  has(value: string): boolean;
}

/** Throws on a projection that the local platform does not know. */
export function projectionOf({ Parameters }: GlueTable, key: string, now: number): Projected {
  const rule = (name: string) => Parameters[`projection.${key}.${name}`];
  const type = rule('type');
  if (type === 'injected') return { injected: true, has: () => true };
  if (type === 'enum') {
    const values = new Set((rule('values') ?? '').split(','));
    return { injected: false, has: (value) => values.has(value) };
  }
  if (type !== 'date') throw new Error(`the local Athena does not know a projection of type ${type} (${key})`);
  const format = rule('format') ?? '';
  const chars = { 'yyyy-MM-dd': 10, 'yyyy-MM': 7 }[format];
  const [from, to] = (rule('range') ?? '').split(',').map((bound) => boundOf(bound, now));
  if (chars === undefined || !from || !to) {
    throw new Error(`the local Athena does not know the dates ${format} ${rule('range')} (${key})`);
  }
  const shape = chars === 10 ? /^\d{4}-\d\d-\d\d$/ : /^\d{4}-\d\d$/;
  return {
    injected: false,
    has: (value) => shape.test(value) && value >= from.slice(0, chars) && value <= to.slice(0, chars),
  };
}

/** `2000-01-01`, `NOW`, `NOW+2DAYS`, `NOW+1MONTHS`. */
function boundOf(bound: string, now: number): string | undefined {
  const moved = /^NOW(?:([+-]\d{1,4})(DAYS?|MONTHS?))?$/.exec(bound);
  if (!moved) return /^\d{4}-\d\d(-\d\d)?$/.test(bound) ? bound : undefined;
  const [, by = '0', unit = 'DAYS'] = moved;
  const time = new Date(now);
  if (unit.startsWith('DAY')) time.setUTCDate(time.getUTCDate() + Number(by));
  else time.setUTCMonth(time.getUTCMonth() + Number(by));
  return time.toISOString().slice(0, 10);
}

/** Where a table's files lie: bucket, the prefix that all keys share, and how a key tells its partitions. */
export function layoutOf({ Parameters, StorageDescriptor }: GlueTable): {
  readonly bucket: string;
  readonly prefix: string;
  partitionsOf(key: string): Readonly<Record<string, string>> | undefined;
} {
  const template = Parameters['storage.location.template'] ?? StorageDescriptor.Location;
  const found = /^s3:\/\/([^/]+)\/(.*)$/.exec(template);
  if (!found) throw new Error(`${template} is not a place on S3`);
  const [, bucket, path] = found as unknown as [string, string, string];
  const [prefix = ''] = path.split('${');
  const escaped = path.replace(/[.*+?()[\]\\|^]/g, '\\$&').replace(/\$\{(\w+)\}/g, '(?<$1>[^/]+)');
  // Names that begin with a dot or an underscore are hidden from Athena.
  const shape = new RegExp(`^${escaped}${path.endsWith('/') ? '' : '/'}(?![._])[^/]+$`);
  return { bucket, prefix, partitionsOf: (key) => shape.exec(key)?.groups };
}
