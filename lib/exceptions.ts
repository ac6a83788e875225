/**
 * The register of exceptions from cdk-nag's AwsSolutions and Serverless rules: the only place to make one.
 * A test fails on a finding that is not here, on an entry that nothing needs, and on one whose day has passed.
 */
export interface Exception {
  readonly rule: RegExp;
  /** Construct path. */
  readonly path: RegExp;
  readonly reason: string;
  /** YYYY-MM-DD: look at it again by then. */
  readonly expires: string;
}

export const exceptions: readonly Exception[] = [];
