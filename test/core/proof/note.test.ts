/** Notes, verifier keys, checkpoints and cosignatures as C2SP writes them. */
import { expect, test } from 'vitest';
import { fromBase64, fromDecimal, toBase64 } from '#core/proof/bytes.ts';
import { formatCheckpoint, openCheckpoint, parseCheckpoint } from '#core/proof/checkpoint.ts';
import { cosignedMessage, decodeCosignature, encodeCosignature } from '#core/proof/cosignature.ts';
import {
  cosignatureType,
  ed25519Type,
  formatNote,
  formatVerifier,
  isSameKey,
  type NoteSignature,
  openNote,
  parseNote,
  parseSignatureLine,
  parseVerifier,
  signatureLine,
  textOf,
  verifierOf,
} from '#core/proof/note.ts';
import { emptyRoot } from '#core/proof/tree.ts';
import { nodeProofCrypto as c } from '#stores/crypto/proof-crypto.ts';
import { madeLeaves, testKey } from './made.ts';

const log = testKey('evidence.example.org/t/k3v9');
const witness = testKey('witness.example.org/w1');
const other = testKey('other.example.org/w2');
const root = madeLeaves(1)[0]!;
const text = formatCheckpoint({ origin: log.log.name, size: 70_000, root });
const signed = formatNote(text, [log.sign(text)]);

test('the example of the specification opens', () => {
  const verifier = parseVerifier(c, 'example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k')!;
  const note = [
    'This is an example message.',
    '',
    '— example.com/foo Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXppzi2ONncAlTgK7Ztg1ERYNZXsYjOBH3mFXmRKuwHjG1Yu72IneyaQM=',
    '',
  ].join('\n');
  expect(verifier.keyId).toBe(0x530d903a);
  expect(openNote(c, note, [verifier])).toEqual({ text: 'This is an example message.\n', verified: [{ verifier }] });
  expect(openNote(c, note.replace('an example', 'my example'), [verifier])).toBeUndefined();
});

test('the checkpoint and the cosigned message of the specification', () => {
  const body = 'example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n';
  const parsed = parseCheckpoint(body)!;
  expect(parsed).toMatchObject({ origin: 'example.com/behind-the-sofa', size: 20_852_163, extensions: [] });
  expect(formatCheckpoint(parsed)).toBe(body);
  expect(textOf(cosignedMessage(1_679_315_147, body))).toBe(`cosignature/v1\ntime 1679315147\n${body}`);
});

test('what is written is read again', () => {
  const signatures = [log.sign(text), witness.cosign(text, 1_700_000_000), other.cosign(text, 1_700_000_001)];
  expect(parseNote(formatNote(text, signatures))).toEqual({ text, signatures });
  for (const signature of signatures)
    expect(parseSignatureLine(signatureLine(signature).slice(0, -1))).toEqual(signature);
  for (const { log: one, witness: two } of [log, witness]) {
    for (const verifier of [one, two]) {
      const vkey = formatVerifier(c, verifier.name, verifier.type, verifier.publicKey);
      expect(parseVerifier(c, vkey)).toEqual(verifier);
    }
  }
  expect(log.log.keyId).not.toBe(log.witness.keyId);
});

test('a text with empty lines ends at the last one', () => {
  const odd = 'a\n\n— b c\n\n\n';
  expect(parseNote(formatNote(odd, [log.sign(odd)]))?.text).toBe(odd);
});

const [line] = signed.split('\n\n').slice(1) as [string];
const bad: Record<string, string> = {
  'no signature': `${text}\n`,
  'no blank line': text + line,
  'no newline at the end': signed.slice(0, -1),
  'something after the signatures': `${signed}x\n`,
  'an empty line after the signatures': `${signed}\n`,
  'a control character in the text': signed.replace('evidence', 'evi\tdence'),
  'a carriage return': signed.replaceAll('\n', '\r\n'),
  'a lone surrogate': signed.replace('evidence', '\ud800'),
  'a hyphen for the dash': signed.replace('—', '-'),
  'two spaces': signed.replace('— ', '—  '),
  'a space after the signature': `${signed.slice(0, -1)} \n`,
  'a plus in the name': signed.replace('— evidence', '— +evidence'),
  'a wide space in the name': signed.replace('— evidence', '— \u2003evidence'),
  'no name': signed.replace(/— \S+/, '— '),
  'unpadded base64': signed.replace(/=*\n$/, '\n'),
  'four bytes alone': `${text}\n— a AAAAAA==\n`,
  'too many signatures': `${text}\n${line.repeat(101)}`,
  'too long': `${'a'.repeat(1_000_000)}\n\n${line}`,
};

test.each(Object.entries(bad))('no note: %s', (_, note) => {
  expect(note).not.toBe(signed);
  expect(parseNote(note)).toBeUndefined();
  expect(openNote(c, note, [log.log])).toBeUndefined();
});

test('sixteen signatures and more are read, up to a hundred', () => {
  for (const count of [16, 100]) expect(parseNote(`${text}\n${line.repeat(count)}`)?.signatures).toHaveLength(count);
  expect(() => formatNote(text, Array<NoteSignature>(101).fill(log.sign(text)))).toThrow(RangeError);
  expect(() => formatNote('no newline', [log.sign(text)])).toThrow(RangeError);
  expect(() => formatNote(text, [{ ...log.sign(text), name: 'a b' }])).toThrow(RangeError);
});

test('unknown keys are ignored, even with a known name or id', () => {
  const strangers = [
    { ...other.sign(text), name: log.log.name },
    { ...other.sign(text), keyId: log.log.keyId },
    other.cosign(text, 5),
  ];
  const note = formatNote(text, [...strangers, log.sign(text)]);
  expect(openNote(c, note, [log.log])).toEqual({ text, verified: [{ verifier: log.log }] });
  expect(openNote(c, formatNote(text, strangers), [log.log])).toBeUndefined();
  expect(openNote(c, note, [])).toBeUndefined();
});

test('a bad signature of a known key spoils the note, whoever else signed', () => {
  const forged = { ...other.sign(text), name: log.log.name, keyId: log.log.keyId };
  const late = witness.cosign(text, 7);
  const moved = { ...late, signature: encodeCosignature(8, decodeCosignature(late.signature)!.signature) };
  const keys = [log.log, witness.witness];
  expect(openNote(c, formatNote(text, [log.sign(text), forged]), keys)).toBeUndefined();
  expect(openNote(c, formatNote(text, [log.sign(text), moved]), keys)).toBeUndefined();
  expect(
    openNote(c, formatNote(text, [log.sign(text), { ...late, signature: late.signature.slice(1) }]), keys),
  ).toBeUndefined();
  expect(openNote(c, formatNote(text, [log.sign(text), late]), keys)?.verified).toHaveLength(2);
  // A signature of the one type is none of the other.
  expect(
    openNote(c, formatNote(text, [{ ...witness.sign(text), keyId: witness.witness.keyId }]), keys),
  ).toBeUndefined();
});

test('a key counts once, with its earliest time', () => {
  const note = formatNote(text, [log.sign(text), witness.cosign(text, 9), witness.cosign(text, 7), log.sign(text)]);
  expect(openNote(c, note, [log.log, witness.witness, witness.witness])?.verified).toEqual([
    { verifier: log.log },
    { verifier: witness.witness, timestamp: 7 },
  ]);
});

test('two keys of one name and id are a mistake of whoever configured them', () => {
  const twin = { ...other.log, name: log.log.name, keyId: log.log.keyId };
  expect(() => openNote(c, signed, [log.log, twin])).toThrow(RangeError);
  expect(isSameKey(log.log, twin)).toBe(false);
});

test('verifier keys have one spelling', () => {
  const vkey = formatVerifier(c, log.log.name, ed25519Type, log.publicKey);
  const spoiled = [
    '',
    `${vkey}=`,
    ` ${vkey}`,
    vkey.replace('evidence', 'evi dence'),
    vkey.replace('evidence', 'evi+dence'),
    vkey.replace('evidence', 'Evidence'),
    vkey.replace(/\+[0-9a-f]{8}\+/, (id) => id.toUpperCase()),
    vkey.replace(/\+[0-9a-f]{8}\+/, '+00000000+'),
    vkey.slice(0, -4),
    `+${vkey}`,
  ].filter((one) => one !== vkey);
  for (const one of spoiled) expect(parseVerifier(c, one), one).toBeUndefined();
  expect(() => verifierOf(c, 'a', 2, log.publicKey)).toThrow(RangeError);
  expect(() => verifierOf(c, 'a', cosignatureType, log.publicKey.slice(1))).toThrow(RangeError);
  expect(() => formatVerifier(c, 'a b', ed25519Type, log.publicKey)).toThrow(RangeError);
});

test('checkpoints have one spelling, and extension lines are read', () => {
  const base64 = toBase64(root);
  expect(parseCheckpoint(`a\n0\n${base64}\nmore\nlines\n`)).toMatchObject({ size: 0, extensions: ['more', 'lines'] });
  const spoiled = [
    '',
    'a\n1\n',
    `a\n1\n${base64}`,
    `\n1\n${base64}\n`,
    `a\n01\n${base64}\n`,
    `a\n+1\n${base64}\n`,
    `a\n-1\n${base64}\n`,
    `a\n1e3\n${base64}\n`,
    `a\n 1\n${base64}\n`,
    `a\n9007199254740992\n${base64}\n`,
    `a\n99999999999999999999\n${base64}\n`,
    `a\n1\n${base64.slice(0, -1)}\n`,
    `a\n1\n${toBase64(root.slice(1))}\n`,
    `a\n1\n${toBase64(Uint8Array.of(...root, 1))}\n`,
    `a\n1\n${base64.replace(/.=$/, '9=')}\n`,
    `a\n1\n${base64}\n\n`,
    `a\n1\n${base64}\nx\n\ny\n`,
  ];
  for (const one of spoiled) expect(parseCheckpoint(one), one).toBeUndefined();
  expect(parseCheckpoint(`a\n9007199254740991\n${base64}\n`)?.size).toBe(Number.MAX_SAFE_INTEGER);
  for (const size of [-1, 0.5, 2 ** 53, Number.NaN]) {
    expect(() => formatCheckpoint({ origin: 'a', size, root })).toThrow(RangeError);
  }
  for (const origin of ['', 'a\nb', '\n'])
    expect(() => formatCheckpoint({ origin, size: 1, root })).toThrow(RangeError);
  expect(() => formatCheckpoint({ origin: 'a', size: 1, root: root.slice(1) })).toThrow(RangeError);
});

test('a checkpoint opens with the key of its origin and no other', () => {
  const note = formatNote(text, [log.sign(text), witness.cosign(text, 7), other.cosign(text, 8)]);
  expect(openCheckpoint(c, note, log.log, [witness.witness])).toEqual({
    origin: log.log.name,
    size: 70_000,
    root,
    extensions: [],
    text,
    verified: [{ verifier: log.log }, { verifier: witness.witness, timestamp: 7 }],
  });
  expect(openCheckpoint(c, note, witness.log)).toBeUndefined();
  expect(openCheckpoint(c, note, witness.witness)).toBeUndefined();
  // The witness alone makes no checkpoint of the log.
  expect(openCheckpoint(c, formatNote(text, [witness.cosign(text, 7)]), log.log, [witness.witness])).toBeUndefined();
  // The same key under another name signs for another log.
  const twin = testKey('evidence.example.org/t/other', 'evidence.example.org/t/k3v9');
  expect(openCheckpoint(c, formatNote(text, [twin.sign(text)]), twin.log)).toBeUndefined();
});

test('an empty tree has the empty root', () => {
  for (const [some, good] of [
    [emptyRoot(c), true],
    [root, false],
  ] as const) {
    const body = formatCheckpoint({ origin: log.log.name, size: 0, root: some });
    expect(openCheckpoint(c, formatNote(body, [log.sign(body)]), log.log) !== undefined).toBe(good);
  }
});

test('cosignatures have 72 bytes and times that numbers hold', () => {
  const signature = new Uint8Array(64).fill(1);
  for (const timestamp of [0, 1, 1_700_000_000, Number.MAX_SAFE_INTEGER]) {
    expect(decodeCosignature(encodeCosignature(timestamp, signature))).toEqual({ timestamp, signature });
  }
  for (const timestamp of [-1, 0.5, 2 ** 53, Number.NaN]) {
    expect(() => encodeCosignature(timestamp, signature)).toThrow(RangeError);
  }
  expect(() => encodeCosignature(1, signature.slice(1))).toThrow(RangeError);
  expect(decodeCosignature(new Uint8Array(72).fill(255))).toBeUndefined();
  expect(decodeCosignature(new Uint8Array(71))).toBeUndefined();
  expect(decodeCosignature(new Uint8Array(73))).toBeUndefined();
});

test('base64 and decimals have one spelling', () => {
  for (let length = 0; length < 70; length++) {
    const bytes = Uint8Array.from({ length }, (_, i) => (i * 89 + length * 31) & 255);
    expect(toBase64(bytes)).toBe(Buffer.from(bytes).toString('base64'));
    expect(fromBase64(toBase64(bytes))).toEqual(bytes);
  }
  for (const text of [
    'A',
    'AA',
    'AAA',
    'AB==',
    'AAB=',
    'A===',
    '====',
    '=',
    'AA=A',
    'AA==AAAA',
    'AA-_',
    'AA A',
    'AAé=',
  ]) {
    expect(fromBase64(text), text).toBeUndefined();
  }
  for (const text of [
    '',
    '00',
    '01',
    '-1',
    '+1',
    '1.0',
    '1e1',
    ' 1',
    '1 ',
    '0x1',
    '٣',
    '9007199254740992',
    '1'.repeat(30),
  ]) {
    expect(fromDecimal(text), text).toBeUndefined();
  }
  expect(fromDecimal('9007199254740991')).toBe(Number.MAX_SAFE_INTEGER);
});

test('text of bytes is UTF-8 or nothing, with a byte order mark as it stands', () => {
  expect(textOf(Uint8Array.of(0xef, 0xbb, 0xbf, 0x61))).toBe('\ufeffa');
  for (const bytes of [[0xff], [0xc0, 0x80], [0xed, 0xa0, 0x80]])
    expect(textOf(Uint8Array.from(bytes))).toBeUndefined();
});
