/**
 * What a function says about itself: structured traces and metrics.
 *
 * Traces name codes, counts and ids; never event contents, keys or bodies.
 */
import { Logger } from '@aws-lambda-powertools/logger';

export const logger = new Logger({ serviceName: process.env.AWS_LAMBDA_FUNCTION_NAME ?? 'trailkeep' });

/** One metric in CloudWatch's embedded metric format; tenants are never a dimension (each would cost $0.30 a month). */
export function metric(
  area: string,
  name: string,
  value: number,
  unit: 'Count' | 'Milliseconds' | 'Bytes' = 'Count',
): void {
  // Outside Lambda nobody collects them.
  if (!process.env.AWS_LAMBDA_FUNCTION_NAME) return;
  const line = {
    _aws: {
      Timestamp: Date.now(),
      CloudWatchMetrics: [
        { Namespace: 'Trailkeep', Dimensions: [['stage', 'area']], Metrics: [{ Name: name, Unit: unit }] },
      ],
    },
    stage: process.env.STAGE ?? 'none',
    area,
    [name]: value,
  };
  // Not console: with JSON logging Lambda would wrap the line and CloudWatch would not see the metric.
  process.stdout.write(`${JSON.stringify(line)}\n`);
}
