/** An answer: JSON, with 200 when there is no status. */
export interface OpsAnswer {
  readonly status?: number;
  readonly body: unknown;
}
export const notFound: OpsAnswer = { status: 404, body: { error: { message: 'No such resource', detail: null } } };
