/** cdk-nag with the register of exceptions in front. */
import type { IPolicyValidationContext, IPolicyValidationPlugin, PolicyValidationPluginReport } from 'aws-cdk-lib';
import type { Exception } from '#lib/exceptions.ts';

export class Gate implements IPolicyValidationPlugin {
  readonly name: string;
  readonly #pack: IPolicyValidationPlugin;
  readonly #exceptions: readonly Exception[];
  /** Findings that no exception covers, `rule @ path`. */
  readonly findings: string[] = [];
  readonly used = new Set<Exception>();

  constructor(pack: IPolicyValidationPlugin, exceptions: readonly Exception[]) {
    this.#pack = pack;
    this.name = pack.name;
    this.#exceptions = exceptions;
  }

  validate(context: IPolicyValidationContext): PolicyValidationPluginReport {
    for (const { ruleName, violatingResources } of this.#pack.validate(context).violations) {
      for (const { constructPath = '' } of violatingResources) {
        const exception = this.#exceptions.find((one) => one.rule.test(ruleName) && one.path.test(constructPath));
        if (exception) this.used.add(exception);
        else this.findings.push(`${ruleName} @ ${constructPath}`);
      }
    }
    return { success: true, violations: [] };
  }
}

/** Exceptions whose day has passed. */
export const expired = (exceptions: readonly Exception[], today: string): Exception[] =>
  exceptions.filter((one) => one.expires < today);
