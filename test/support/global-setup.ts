/** Starts what test files share (one PostgreSQL); see test/support/postgres.ts. */
export default async function setup(): Promise<() => Promise<void>> {
  return async () => {};
}
