import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { jsonDepthMax, jsonKeysMax } from '#core/event/event.ts';
import { parseItem, parseJson, scanJson, splitArray, utf8Length } from '#core/event/json.ts';
import { dataFolder, noticeSkip } from '#test/support/data.ts';

const data = dataFolder('vectors-json');
if (!data) noticeSkip('vectors-json');
const folder = join(data ?? '', 'JSONTestSuite');

/** What the platform says of a file's bytes: `ok` or the code. */
function verdict(bytes: Uint8Array): string {
  let text: string;
  try {
    text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return 'utf8_invalid';
  }
  const parsed = parseJson(text);
  if (!parsed.ok) return parsed.fault.code;
  expect(parsed.value).toEqual(JSON.parse(text));
  return 'ok';
}

/** The digits that JS prints, written out. */
function printed(number: number): string {
  const [digits = '', exponent = '0'] = String(number).split('e+');
  const [whole = '', fraction = ''] = digits.split('.');
  return exponent === '0' ? digits : whole + fraction + '0'.repeat(Number(exponent) - fraction.length);
}

/** How many files of each verdict. */
function tally(verdicts: Iterable<string>): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const one of verdicts) counts[one] = (counts[one] ?? 0) + 1;
  return counts;
}

const suite = (name: string, prefix = ''): ReadonlyMap<string, string> =>
  new Map(
    readdirSync(join(folder, name))
      .filter((file) => file.startsWith(prefix))
      .sort()
      .map((file) => [file, verdict(readFileSync(join(folder, name, file)))]),
  );

describe.skipIf(!existsSync(folder))('JSONTestSuite', () => {
  test('what must be accepted is, but for what has no single canonical form', () => {
    const verdicts = suite('test_parsing', 'y_');
    const refused = Object.fromEntries([...verdicts].filter(([, code]) => code !== 'ok'));
    console.log('JSONTestSuite y_', tally(verdicts.values()));
    expect(refused).toMatchInlineSnapshot(`
      {
        "y_object_duplicated_key.json": "json_duplicate_key",
        "y_object_duplicated_key_and_value.json": "json_duplicate_key",
        "y_object_escaped_null_in_key.json": "json_string_unsafe",
        "y_string_null_escape.json": "json_string_unsafe",
      }
    `);
  });

  test('what must be refused is', () => {
    const verdicts = suite('test_parsing', 'n_');
    console.log('JSONTestSuite n_', tally(verdicts.values()));
    expect([...verdicts].filter(([, code]) => code !== 'json_invalid' && code !== 'utf8_invalid')).toEqual([]);
  });

  test('what may be either never crashes', () => {
    const verdicts = suite('test_parsing', 'i_');
    console.log('JSONTestSuite i_', tally(verdicts.values()));
    expect(Object.fromEntries(verdicts)).toMatchInlineSnapshot(`
      {
        "i_number_double_huge_neg_exp.json": "json_number_unsafe",
        "i_number_huge_exp.json": "json_number_unsafe",
        "i_number_neg_int_huge_exp.json": "json_number_unsafe",
        "i_number_pos_double_huge_exp.json": "json_number_unsafe",
        "i_number_real_neg_overflow.json": "json_number_unsafe",
        "i_number_real_pos_overflow.json": "json_number_unsafe",
        "i_number_real_underflow.json": "json_number_unsafe",
        "i_number_too_big_neg_int.json": "json_number_unsafe",
        "i_number_too_big_pos_int.json": "ok",
        "i_number_very_big_negative_int.json": "json_number_unsafe",
        "i_object_key_lone_2nd_surrogate.json": "json_string_unsafe",
        "i_string_1st_surrogate_but_2nd_missing.json": "json_string_unsafe",
        "i_string_1st_valid_surrogate_2nd_invalid.json": "json_string_unsafe",
        "i_string_UTF-16LE_with_BOM.json": "utf8_invalid",
        "i_string_UTF-8_invalid_sequence.json": "utf8_invalid",
        "i_string_UTF8_surrogate_U+D800.json": "utf8_invalid",
        "i_string_incomplete_surrogate_and_escape_valid.json": "json_string_unsafe",
        "i_string_incomplete_surrogate_pair.json": "json_string_unsafe",
        "i_string_incomplete_surrogates_escape_valid.json": "json_string_unsafe",
        "i_string_invalid_lonely_surrogate.json": "json_string_unsafe",
        "i_string_invalid_surrogate.json": "json_string_unsafe",
        "i_string_invalid_utf-8.json": "utf8_invalid",
        "i_string_inverted_surrogates_U+1D11E.json": "json_string_unsafe",
        "i_string_iso_latin_1.json": "utf8_invalid",
        "i_string_lone_second_surrogate.json": "json_string_unsafe",
        "i_string_lone_utf8_continuation_byte.json": "utf8_invalid",
        "i_string_not_in_unicode_range.json": "utf8_invalid",
        "i_string_overlong_sequence_2_bytes.json": "utf8_invalid",
        "i_string_overlong_sequence_6_bytes.json": "utf8_invalid",
        "i_string_overlong_sequence_6_bytes_null.json": "utf8_invalid",
        "i_string_truncated-utf-8.json": "utf8_invalid",
        "i_string_utf16BE_no_BOM.json": "utf8_invalid",
        "i_string_utf16LE_no_BOM.json": "utf8_invalid",
        "i_structure_500_nested_arrays.json": "json_too_deep",
        "i_structure_UTF-8_BOM_empty_object.json": "json_invalid",
      }
    `);
  });

  test('what parsers transform is refused rather than changed', () => {
    const verdicts = suite('test_transform');
    console.log('JSONTestSuite transform', tally(verdicts.values()));
    expect(Object.fromEntries(verdicts)).toMatchInlineSnapshot(`
      {
        "number_-9223372036854775808.json": "json_number_unsafe",
        "number_-9223372036854775809.json": "json_number_unsafe",
        "number_1.0.json": "ok",
        "number_1.000000000000000005.json": "json_number_unsafe",
        "number_1000000000000000.json": "ok",
        "number_10000000000000000999.json": "json_number_unsafe",
        "number_1e-999.json": "json_number_unsafe",
        "number_1e6.json": "ok",
        "number_9223372036854775807.json": "json_number_unsafe",
        "number_9223372036854775808.json": "json_number_unsafe",
        "object_key_nfc_nfd.json": "ok",
        "object_key_nfd_nfc.json": "ok",
        "object_same_key_different_values.json": "json_duplicate_key",
        "object_same_key_same_value.json": "json_duplicate_key",
        "object_same_key_unclear_values.json": "json_duplicate_key",
        "string_1_escaped_invalid_codepoint.json": "json_string_unsafe",
        "string_1_invalid_codepoint.json": "utf8_invalid",
        "string_2_escaped_invalid_codepoints.json": "json_string_unsafe",
        "string_2_invalid_codepoints.json": "utf8_invalid",
        "string_3_escaped_invalid_codepoints.json": "json_string_unsafe",
        "string_3_invalid_codepoints.json": "utf8_invalid",
        "string_with_escaped_NULL.json": "json_string_unsafe",
      }
    `);
  });
});

describe('scanJson', () => {
  const cases: [string, string | undefined][] = [
    ['{"a":1,"a":2}', 'json_duplicate_key'],
    ['{"a":1,"\\u0061":2}', 'json_duplicate_key'],
    ['{"a":{"b":1},"c":{"b":1}}', undefined],
    [`{${Array.from({ length: 40 }, (_, i) => `"k${i}":1`).join()},"k30":1}`, 'json_duplicate_key'],
    ['{"__proto__":1}', 'json_key_forbidden'],
    ['{"\\u005f_proto__":1}', 'json_key_forbidden'],
    ['{"a":{"constructor":1}}', 'json_key_forbidden'],
    ['9007199254740993', 'json_number_unsafe'],
    ['9007199254740992', undefined],
    ['123456789012345678901234567890', 'json_number_unsafe'],
    ['1e400', 'json_number_unsafe'],
    ['-1e400', 'json_number_unsafe'],
    ['1e-400', 'json_number_unsafe'],
    ['0.1', undefined],
    ['0.10', undefined],
    ['1.0', undefined],
    ['1E2', undefined],
    ['-0', undefined],
    ['0e999999', undefined],
    ['0.30000000000000004', undefined],
    ['0.300000000000000040', undefined],
    ['0.30000000000000001', 'json_number_unsafe'],
    ['1.7976931348623157e308', undefined],
    ['5e-324', undefined],
    ['"\\u0000"', 'json_string_unsafe'],
    ['"\\ud800"', 'json_string_unsafe'],
    ['"\\udc00"', 'json_string_unsafe'],
    ['"\\ud83d\\ude00"', undefined],
    ['"\\ud83dx"', 'json_string_unsafe'],
    ['"\\ud83d\ude00"', undefined],
    ['"\\u00e9\\n"', undefined],
    ['[1e400,{]', 'json_invalid'],
    ['', 'json_invalid'],
    ['1 2', 'json_invalid'],
    ['\ufeff1', 'json_invalid'],
    ['\u00a01', 'json_invalid'],
  ];
  for (const [text, code] of cases) {
    test(`${text.slice(0, 60)} → ${code ?? 'kept'}`, () => expect(scanJson(text)?.code).toBe(code));
  }

  test('depth and keys are exact', () => {
    const nested = (depth: number) => `${'['.repeat(depth)}${']'.repeat(depth)}`;
    expect(scanJson(nested(jsonDepthMax))).toBeUndefined();
    expect(scanJson(nested(jsonDepthMax + 1))?.code).toBe('json_too_deep');
    const wide = (keys: number) => JSON.stringify(Object.fromEntries(Array.from({ length: keys }, (_, i) => [i, 1])));
    expect(scanJson(wide(jsonKeysMax))).toBeUndefined();
    expect(scanJson(wide(jsonKeysMax + 1))?.code).toBe('json_too_many_keys');
  });

  test('broken syntax after a fault is what is named', () => {
    expect(scanJson('{"a":1,"a":2')?.code).toBe('json_invalid');
    expect(scanJson(`${'['.repeat(40)}${']'.repeat(39)}`)?.code).toBe('json_invalid');
  });

  test('says yes or no as JSON.parse does, for any text', () => {
    const text = fc.oneof(
      fc.string({ unit: fc.constantFrom(...'[]{}",:0123456789.eE+-truefalsn\\u \n') }),
      fc.json(),
      fc.string({ unit: 'binary' }),
    );
    fc.assert(
      fc.property(text, (one) => {
        let valid = true;
        try {
          JSON.parse(one);
        } catch {
          valid = false;
        }
        expect(scanJson(one, { depthMax: 1000 })?.code === 'json_invalid').toBe(!valid);
      }),
      { numRuns: 5000 },
    );
  });

  test('a value that it lets through keeps every digit', () => {
    fc.assert(
      fc.property(fc.double({ noNaN: true, noDefaultInfinity: true }), (number) => {
        expect(scanJson(String(number))).toBeUndefined();
      }),
    );
    fc.assert(
      fc.property(fc.bigInt({ min: 2n ** 53n, max: 2n ** 80n }), (integer) => {
        // 2^60 is exact as a double, but prints as 1152921504606847000: other digits than came.
        expect(scanJson(String(integer)) === undefined).toBe(printed(Number(integer)) === String(integer));
      }),
    );
  });
});

describe('splitArray', () => {
  const texts = (text: string) => {
    const split = splitArray(text);
    return split.ok ? split.value.map((item) => item.text) : split.fault.code;
  };

  test('each element in its own words', () => {
    expect(texts(' [ {"a":[1,"],"]} , 1.0,"x\\"," ,null] ')).toEqual(['{"a":[1,"],"]}', '1.0', '"x\\","', 'null']);
    expect(texts('[]')).toEqual([]);
    expect(texts('[ \n ]')).toEqual([]);
  });

  for (const text of [
    '',
    '{}',
    '[',
    '[1',
    '[1,',
    '[1,]',
    '[,1]',
    '[1 2]',
    '[1]]',
    '[1]x',
    '[{]}',
    '["]',
    '[{"a":tru}]',
    'x[1]',
  ])
    test(`${text} is no array`, () => expect(texts(text)).toBe('json_invalid'));

  test('finds the elements that JSON.parse finds, and nothing where it fails', () => {
    const white = fc.constantFrom('', ' ', '\n', '\t\r ');
    const array = fc
      .array(fc.tuple(fc.json({ stringUnit: 'binary' }), white, white))
      .map((items) => `[${items.map(([item, before, after]) => before + item + after).join()}]`);
    fc.assert(
      fc.property(array, (text) => {
        expect((texts(text) as string[]).map((item) => JSON.parse(item))).toEqual(JSON.parse(text));
      }),
      { numRuns: 1000 },
    );
    fc.assert(
      fc.property(fc.string({ unit: fc.constantFrom(...'[]{}",:1\\ \n') }), (garbage) => {
        let expected: unknown;
        try {
          expected = JSON.parse(`[${garbage}`);
        } catch {
          expected = 'json_invalid';
        }
        const found = texts(`[${garbage}`);
        expect(Array.isArray(found) ? found.map((item) => JSON.parse(item)) : found).toEqual(expected);
      }),
      { numRuns: 5000 },
    );
  });
});

describe('hostile texts end soon, because no step looks back', () => {
  const cases: [string, string, string | undefined][] = [
    ['5 MB of spaces', ' '.repeat(5_000_000), 'json_invalid'],
    ['5 MB of spaces in an array', `[${' '.repeat(5_000_000)}]`, undefined],
    ['200,000 zeros before the point', `1${'0'.repeat(200_000)}`, 'json_number_unsafe'],
    ['200,000 zeros after the point', `0.${'0'.repeat(200_000)}1`, 'json_number_unsafe'],
    ['200,000 zeros at the end', `1.${'0'.repeat(200_000)}`, undefined],
    ['200,000 leading zeros', '0'.repeat(200_000), 'json_invalid'],
    ['a long exponent', `1e${'9'.repeat(200_000)}`, 'json_number_unsafe'],
    ['20,000 opening brackets', '['.repeat(20_000), 'json_invalid'],
    ['20,000 pairs of brackets', '['.repeat(20_000) + ']'.repeat(20_000), 'json_too_deep'],
    ['20,000 opening objects', '{"a":'.repeat(20_000), 'json_invalid'],
    ['a million backslashes', `"${'\\\\'.repeat(500_000)}"`, undefined],
    ['a million quotes', '"'.repeat(1_000_000), 'json_invalid'],
    ['100,000 keys', `{${Array.from({ length: 100_000 }, (_, i) => `"k${i}":1`).join()}}`, 'json_too_many_keys'],
    ['100,000 surrogates', `"${'\\ud800'.repeat(100_000)}"`, 'json_string_unsafe'],
  ];
  for (const [name, text, code] of cases) {
    test(name, () => {
      expect(scanJson(text)?.code).toBe(code);
      const split = splitArray(text.startsWith('[') ? text : `[${text}]`);
      // Alone or in an array, the judgement is the same.
      if (code !== undefined && text.trim() !== '' && !text.startsWith('[')) {
        expect(split.ok ? split.value[0]?.scan?.fault?.code : split.fault.code).toBe(code);
      }
    });
  }
});

test('utf8Length counts the bytes that UTF-8 takes', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), (text) => {
      expect(utf8Length(text)).toBe(Buffer.byteLength(text));
    }),
  );
});

describe('keys written with an escape, which JSON.parse of V8 13.6 confuses', () => {
  test('keep their names, whatever another caller sent before', () => {
    // Teaches the engine to expect a backslash in that place.
    JSON.parse('{"a":0,"\\\\":0}');
    JSON.parse('{"a":0,"\\\\u":0}');
    for (const text of ['{"a":0,"\\u0041":1}', '{"a":0,"\\u0041b":1}', '{"a":0,"\\u540d\\u524d":[1,{"x":null}]}']) {
      const parsed = parseJson(text);
      const name = JSON.parse(`"${text.split('"')[3]}"`) as string;
      expect(parsed.ok && Object.keys(parsed.value as object)).toEqual(['a', name]);
      const split = splitArray(`[${text}]`);
      const item = split.ok ? parseItem(split.value[0]!) : split;
      expect(item.ok && Object.keys(item.value as object)).toEqual(['a', name]);
    }
  });

  test('have values like any other', () => {
    const written = (key: string) =>
      `"${[...key].map((one) => (one.length === 1 ? `\\u${one.charCodeAt(0).toString(16).padStart(4, '0')}` : one)).join('')}"`;
    const name = fc.string({ unit: fc.constantFrom('a', 'b', 'u', '0', 'é', '名', '/'), minLength: 1, maxLength: 4 });
    fc.assert(
      fc.property(fc.uniqueArray(name), fc.json(), (names, value) => {
        fc.pre(scanJson(value) === undefined);
        const text = `[ {${names.map((one) => `${written(one)} : ${value}`).join(' , ')}}, ${value} ]`;
        const expected = [Object.fromEntries(names.map((one) => [one, JSON.parse(value)])), JSON.parse(value)];
        const parsed = parseJson(text, { keysMax: 100_000 });
        expect(parsed.ok && parsed.value).toEqual(expected);
      }),
    );
  });

  for (const text of ['{"\\"":1}', '{"\\\\":1}', '{"a\\n":1}', '{"\\u0022":1}', '{"\\u001f":1}']) {
    test(`${text} is refused: every JSON text of it needs an escape`, () =>
      expect(scanJson(text)?.code).toBe('json_key_forbidden'));
  }
});
