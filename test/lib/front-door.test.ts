import { describe, expect, test } from 'vitest';
import { type ProblemCode, problemKinds } from '#core/event/problem.ts';
import { gatewayAnswers } from '#lib/parts/front-door.ts';

describe('what API Gateway answers by itself is one of our problems', () => {
  for (const { type, code, title, status, detail } of gatewayAnswers) {
    test(`${type.responseType}: ${code}`, () => {
      const kind = problemKinds[code as ProblemCode];
      expect(title).toBe(kind.title);
      expect(status ?? kind.status).toBe(kind.status);
      // It stands inside JSON as it is.
      expect(detail).toMatch(/^[\x20\x21\x23-\x5b\x5d-\x7e]+\.$/);
    });
  }
});
