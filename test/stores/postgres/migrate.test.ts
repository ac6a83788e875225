import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { migrate, readMigrations } from '#stores/postgres/migrate.ts';
import { dumpSchema } from '#stores/postgres/schema.ts';
import { migrationsFolder, type TestDatabase, testDatabase } from '#test/support/postgres.ts';

let db: TestDatabase;
beforeAll(async () => {
  db = await testDatabase('migrate');
});
afterAll(() => db.drop());

const schemaFile = new URL('../../../sql/schema.sql', import.meta.url);

describe('migrations', () => {
  test('make what sql/schema.sql says, and a second run the same (npm run schema writes it)', async () => {
    const fresh = await dumpSchema(db.ownerSql);
    expect(fresh).toBe(readFileSync(schemaFile, 'utf8'));
    await migrate(db.ownerSql, await readMigrations(migrationsFolder));
    expect(await dumpSchema(db.ownerSql)).toBe(fresh);
  });

  test('a policy that is gone shows in the schema', async () => {
    const before = await dumpSchema(db.ownerSql);
    await db.ownerSql.unsafe('drop policy tenant on record.event');
    expect(await dumpSchema(db.ownerSql)).not.toBe(before);
    await db.ownerSql.unsafe(`create policy tenant on record.event to trailkeep_app, trailkeep_purger
      using (tenant_id = any ((select sec.ctx_tenants())::uuid[]))`);
    expect(await dumpSchema(db.ownerSql)).toBe(before);
  });

  test('a second run changes nothing', async () => {
    expect(await migrate(db.ownerSql, await readMigrations(migrationsFolder))).toEqual([]);
  });

  test('an edited migration is refused', async () => {
    const [first, ...rest] = await readMigrations(migrationsFolder);
    const edited = { ...first!, sha256: '0'.repeat(64) };
    await expect(migrate(db.ownerSql, [edited, ...rest])).rejects.toThrow(
      /0001_\w+\.sql was applied and its file was edited/,
    );
  });

  test('a migration that is gone is refused', async () => {
    const [, ...rest] = await readMigrations(migrationsFolder);
    await expect(migrate(db.ownerSql, rest)).rejects.toThrow(/its file is gone/);
  });

  test('a failing migration leaves nothing behind', async () => {
    const all = await readMigrations(migrationsFolder);
    const bad = { name: '9999_bad.sql', text: 'create table public.half (); select 1 / 0;', sha256: 'x' };
    await expect(migrate(db.ownerSql, [...all, bad])).rejects.toThrow(/division by zero/);
    const [left] = await db.ownerSql`select to_regclass('public.half') as half`;
    expect(left!.half).toBeNull();
  });
});
