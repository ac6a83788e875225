import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { migrate, readMigrations } from '#stores/postgres/migrate.ts';
import { migrationsFolder, type TestDatabase, testDatabase } from '#test/support/postgres.ts';

let db: TestDatabase;
beforeAll(async () => {
  db = await testDatabase('migrate');
});
afterAll(() => db.drop());

describe('migrations', () => {
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
