/** Writes core/event/validate.generated.ts from core/event/schema.ts: `npm run generate`. */
import { writeFileSync } from 'node:fs';
import { Ajv2020 } from 'ajv/dist/2020.js';
import standalone from 'ajv/dist/standalone/index.js';
import { inputJsonSchema } from '#core/event/schema.ts';

/** The module's text. Lengths count UTF-16 units, which keeps the module free of imports. */
export function generateValidator(): string {
  const ajv = new Ajv2020({
    code: { source: true, esm: true },
    unicode: false,
    logger: false,
    strict: false,
  });
  const write = standalone as unknown as (ajv: Ajv2020, validate: unknown) => string;
  const code = write(ajv, ajv.compile(inputJsonSchema()));
  return `// Made by bin/generate-validator.ts from core/event/schema.ts. Do not edit.\n// @ts-nocheck\n${code}`;
}

if (import.meta.main) {
  writeFileSync(new URL('../core/event/validate.generated.ts', import.meta.url), generateValidator());
}
