/** The body that a job is made by. */
import * as z from 'zod';
import { jobKinds } from './run.ts';
import { isTimeZone, timingSchema } from './timing.ts';

/** Config travels in a run's row and in events; a source's settings have a place of their own. */
const configBytesMax = 16_384;

export const jobBody = z.strictObject({
  name: z.string().trim().min(1).max(120).describe('Unique among the jobs of the tenant'),
  kind: z.enum(jobKinds),
  timing: timingSchema,
  time_zone: z
    .string()
    .max(64)
    .refine(isTimeZone, 'must be an IANA name as Europe/Berlin')
    .default('UTC')
    .describe('IANA name; times of the timing are its wall clock'),
  config: z
    .record(z.string(), z.json())
    .refine((config) => JSON.stringify(config).length <= configBytesMax, `has at most ${configBytesMax} characters`)
    .default({})
    .describe('What the kind asks for; nothing secret'),
  overlap: z.enum(['refuse', 'queue']).default('refuse').describe('What becomes of a run that is due during another'),
  attempts_max: z.int().min(1).max(10).default(3).describe('Tries of each part, the first included'),
  backoff_seconds: z
    .int()
    .min(1)
    .max(3600)
    .default(60)
    .describe('Before the second try; doubled before each later one'),
  enabled: z.boolean().default(true),
});
