/** Project Wycheproof's vectors against the cipher: what is valid passes, what is forged or not our format is refused. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { cipherKey, deriveBytes, mac, openBytes, sealBytes } from '#stores/crypto/cipher.ts';
import { dataFolder, noticeSkip } from '#test/support/data.ts';

const folder = dataFolder('vectors-crypto');

interface Vector {
  readonly tcId: number;
  readonly result: 'valid' | 'invalid' | 'acceptable';
  readonly [hex: string]: unknown;
}

/** Every vector of a file, with its group's sizes in bits. */
function vectorsOf(name: string): Vector[] {
  const { testGroups } = JSON.parse(readFileSync(join(folder!, name), 'utf8')) as {
    testGroups: { keySize: number; ivSize?: number; tagSize?: number; tests: Vector[] }[];
  };
  return testGroups.flatMap(({ tests, ...sizes }) => tests.map((one) => ({ ...sizes, ...one })));
}

const bytes = (vector: Vector, name: string) => Buffer.from(String(vector[name]), 'hex');
const isTrue = (vector: Vector) => vector.result !== 'invalid';

if (folder === undefined) {
  test('the vectors of Wycheproof are not here: the cipher was not compared with them', () => {
    noticeSkip('vectors-crypto');
  });
} else {
  test('AES-GCM', () => {
    const counts = { opened: 0, refused: 0, otherIv: 0, otherKey: 0 };
    for (const vector of vectorsOf('aes_gcm_test.json')) {
      const at = `tcId ${vector.tcId}`;
      if (vector.keySize !== 256) {
        expect(() => cipherKey(bytes(vector, 'key')), at).toThrow(RangeError);
        counts.otherKey++;
        continue;
      }
      const key = cipherKey(bytes(vector, 'key'));
      const [iv, ct, tag, aad] = ['iv', 'ct', 'tag', 'aad'].map((name) => bytes(vector, name)) as [
        Buffer,
        Buffer,
        Buffer,
        Buffer,
      ];
      const opened = openBytes(key, Buffer.concat([iv, ct, tag]), aad);
      if (vector.ivSize !== 96) {
        expect(opened, at).toBeUndefined();
        counts.otherIv++;
      } else if (!isTrue(vector)) {
        expect(opened, at).toBeUndefined();
        counts.refused++;
      } else {
        expect(opened, at).toEqual(bytes(vector, 'msg'));
        // A tag cut short is a tag that can be guessed.
        for (const length of [4, 8, 12]) {
          expect(openBytes(key, Buffer.concat([iv, ct, tag.subarray(0, length)]), aad), at).toBeUndefined();
        }
        expect(openBytes(key, sealBytes(key, bytes(vector, 'msg'), aad), aad), at).toEqual(bytes(vector, 'msg'));
        counts.opened++;
      }
    }
    console.log(
      `AES-GCM: ${counts.opened} opened, ${counts.refused} forgeries refused, not our format and refused: ` +
        `${counts.otherIv} with ivs of other lengths, ${counts.otherKey} with keys of other lengths`,
    );
    expect(counts).toEqual({ opened: 39, refused: 27, otherIv: 39, otherKey: 211 });
  });

  test('HMAC-SHA256', () => {
    const counts = { equal: 0, unequal: 0, otherKey: 0 };
    for (const vector of vectorsOf('hmac_sha256_test.json')) {
      const at = `tcId ${vector.tcId}`;
      if (vector.keySize !== 256) {
        expect(() => cipherKey(bytes(vector, 'key')), at).toThrow(RangeError);
        counts.otherKey++;
        continue;
      }
      const tag = bytes(vector, 'tag');
      const made = mac(cipherKey(bytes(vector, 'key')), bytes(vector, 'msg')).subarray(0, Number(vector.tagSize) / 8);
      expect(made.equals(tag), at).toBe(isTrue(vector));
      counts[isTrue(vector) ? 'equal' : 'unequal']++;
    }
    console.log(
      `HMAC-SHA256: ${counts.equal} equal, ${counts.unequal} false ones unequal, ${counts.otherKey} keys refused`,
    );
    expect(counts).toEqual({ equal: 54, unequal: 108, otherKey: 12 });
  });

  test('HKDF-SHA256 without salt', () => {
    const counts = { equal: 0, tooLong: 0, salted: 0 };
    for (const vector of vectorsOf('hkdf_sha256_test.json')) {
      const at = `tcId ${vector.tcId}`;
      const derive = () => deriveBytes(bytes(vector, 'ikm'), bytes(vector, 'info'), Number(vector.size));
      if (!isTrue(vector)) {
        expect(derive, at).toThrow();
        counts.tooLong++;
      } else if (vector.salt !== '') counts.salted++;
      else {
        expect(Buffer.from(derive()), at).toEqual(bytes(vector, 'okm'));
        counts.equal++;
      }
    }
    console.log(
      `HKDF-SHA256: ${counts.equal} equal, ${counts.tooLong} too long and refused, ` +
        `${counts.salted} salted and out of scope: no key here is derived with a salt`,
    );
    expect(counts).toEqual({ equal: 23, tooLong: 3, salted: 60 });
  });
}
