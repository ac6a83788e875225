/** The docs tell the truth: every error has its page, every link leads somewhere. */
import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { type ProblemCode, problemKinds } from '#core/event/problem.ts';

const pages = execFileSync('git', ['ls-files', '-co', '--exclude-standard', '*.md'], { encoding: 'utf8' })
  .split('\n')
  .filter((file) => file && existsSync(file));

describe('error pages', () => {
  const folder = 'docs/reference/errors';

  test('every code has a page and every page a code', () => {
    const written = readdirSync(folder).map((file) => file.replace('.md', ''));
    expect(written.sort()).toEqual(Object.keys(problemKinds).sort());
  });

  for (const code of Object.keys(problemKinds) as ProblemCode[]) {
    test(`${code}: its page names title and status and says what to do`, () => {
      const page = readFileSync(join(folder, `${code}.md`), 'utf8');
      expect(page).toContain(`**${problemKinds[code].title}** · HTTP ${problemKinds[code].status}`);
      expect(page).toContain('## What happened');
      expect(page).toContain('## What to do');
    });
  }
});

test('every relative link in a page leads to a file or a heading that is there', () => {
  const dead = pages.flatMap((page) =>
    [
      ...readFileSync(page, 'utf8')
        .replace(/```[\s\S]*?```/g, '')
        .matchAll(/\]\(([^)\s]+)\)/g),
    ]
      .map(([, link]) => link!)
      .filter((link) => !/^(https?:|mailto:|#)/.test(link))
      .filter((link) => !existsSync(join(dirname(page), link.split('#')[0]!)))
      .map((link) => `${page} → ${link}`),
  );
  expect(dead).toEqual([]);
});

test('files that a page names in backticks are there', () => {
  const named =
    /`((?:bin|lib|functions|core|stores|client|cli|local|bench|test|docs|sql)\/[\w./-]+\.(?:ts|sql|md|mjs))`/g;
  const dead = pages.flatMap((page) =>
    [...readFileSync(page, 'utf8').matchAll(named)]
      .map(([, file]) => file!)
      .filter((file) => !existsSync(file))
      .map((file) => `${page} → ${file}`),
  );
  expect(dead).toEqual([]);
});
