/**
 * Cedar in process, over WebAssembly (4.3 MB, which lie beside the bundle and are read at the first decision).
 *
 * Policies and schema are parsed once: a decision then takes about a tenth of what parsing takes.
 */
import type * as Cedar from '@cedar-policy/cedar-wasm/nodejs';
import type { PolicyAnswer, PolicyEngine, PolicyRequest } from '#core/access/engine.ts';

export interface PolicyText {
  /** Policies by id; or one text, whose policies are called `policy0`, `policy1`, … */
  readonly policies: string | Readonly<Record<string, string>>;
  /** Cedar's schema. With it, requests that do not fit throw. */
  readonly schema?: string;
}

/** The module keeps what was parsed by name, so each engine has a name of its own. */
let engines = 0;

/** Loads Cedar and parses the policies. Rejects with what is wrong in them. */
export async function openCedar({ policies, schema }: PolicyText): Promise<PolicyEngine> {
  const cedar = await loadCedar();
  const name = `engine${engines++}`;
  const staticPolicies = typeof policies === 'string' ? policies : { ...policies };
  must('policies', cedar.preparsePolicySet(name, { staticPolicies, templates: {}, templateLinks: [] }));
  if (schema !== undefined) must('schema', cedar.preparseSchema(name, schema));
  return {
    decide: (request) =>
      answerOf(
        cedar.statefulIsAuthorized({
          ...(request as Pick<Cedar.StatefulAuthorizationCall, keyof PolicyRequest>),
          preparsedPolicySetId: name,
          ...(schema === undefined ? {} : { preparsedSchemaName: name }),
          validateRequest: schema !== undefined,
        }),
      ),
  };
}

/** What is wrong in policies that do not fit their schema: one line for each. Warnings count. */
export async function validatePolicies({ policies, schema }: Required<PolicyText>): Promise<readonly string[]> {
  const cedar = await loadCedar();
  const staticPolicies = typeof policies === 'string' ? policies : { ...policies };
  const answer = cedar.validate({
    validationSettings: { mode: 'strict' },
    schema,
    policies: { staticPolicies, templates: {}, templateLinks: [] },
  });
  if (answer.type === 'failure') return answer.errors.map(({ message }) => message);
  return [...answer.validationErrors, ...answer.validationWarnings].map(
    ({ policyId, error }) => `${policyId}: ${error.message}`,
  );
}

const loadCedar = (): Promise<typeof Cedar> => import('@cedar-policy/cedar-wasm/nodejs');

function answerOf(answer: Cedar.AuthorizationAnswer): PolicyAnswer {
  if (answer.type === 'failure') throw new Error(`Cedar refused a request: ${linesOf(answer.errors)}`);
  const { decision, diagnostics } = answer.response;
  // Cedar names them in an order of its own, which changes from engine to engine.
  return {
    decision,
    reasons: [...diagnostics.reason].sort(),
    errors: diagnostics.errors
      .map(({ policyId, error }) => ({ policy: policyId, message: error.message }))
      .sort((a, b) => (a.policy < b.policy ? -1 : 1)),
  };
}

function must(what: string, answer: Cedar.CheckParseAnswer): void {
  if (answer.type === 'failure') throw new Error(`Cedar cannot read the ${what}: ${linesOf(answer.errors)}`);
}

const linesOf = (errors: readonly Cedar.DetailedError[]): string => errors.map(({ message }) => message).join('; ');
