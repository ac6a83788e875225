/** The recommended behaviour of CDK from day one: turning a flag on later renames or replaces resources. */
import { createRequire } from 'node:module';

export const featureFlags: Readonly<Record<string, unknown>> = createRequire(import.meta.url)(
  'aws-cdk-lib/recommended-feature-flags.json',
);
