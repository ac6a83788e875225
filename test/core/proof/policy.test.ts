/** tlog-policy and tlog-proof, rule by rule. */
import { expect, test } from 'vitest';
import { toBase64 } from '#core/proof/bytes.ts';
import { formatCheckpoint } from '#core/proof/checkpoint.ts';
import { formatNote, formatVerifier, openNote } from '#core/proof/note.ts';
import { formatPolicy, parsePolicy, policyVerifiers, satisfied } from '#core/proof/policy.ts';
import { formatProof, parseProof } from '#core/proof/tlog-proof.ts';
import { nodeProofCrypto as c } from '#stores/crypto/proof-crypto.ts';
import { madeLeaves, type TestKey, testKey } from './made.ts';

const log = testKey('evidence.example.org/t/k3v9');
const witnesses = ['x1', 'x2', 'x3', 'y1', 'y2', 'y3'].map((name) => testKey(`w.example.org/${name}`));
const vkeyOf = ({ publicKey, log: { name } }: TestKey, type: number) => formatVerifier(c, name, type, publicKey);
const logLine = `log ${vkeyOf(log, 1)}`;
const witnessLines = witnesses.map((key) => `witness ${key.log.name.slice(-2).toUpperCase()} ${vkeyOf(key, 4)}`);
const text = [
  '# who has to have seen our checkpoints',
  logLine,
  '',
  ...witnessLines,
  ' \t# two of one house, and any of another',
  'group X 2 X1 X2 X3',
  '\tgroup  Y any\tY1 Y2 Y3 ',
  'group X-and-Y all X Y',
  'quorum X-and-Y',
  '',
].join('\n');
const policy = parsePolicy(c, text)!;
const body = formatCheckpoint({ origin: log.log.name, size: 9, root: madeLeaves(1)[0]! });

const opened = (signers: readonly TestKey[], cosigners: readonly TestKey[], some = body) => {
  const signatures = [...signers.map((key) => key.sign(some)), ...cosigners.map((key) => key.cosign(some, 5))];
  return openNote(c, formatNote(some, signatures), [...policyVerifiers(policy), ...signers.map((key) => key.log)])!;
};

test('the example of the specification is read and written', () => {
  expect(policy.logs.map(({ verifier }) => verifier)).toEqual([log.log]);
  expect(policy.witnesses.map(({ name }) => name)).toEqual(['X1', 'X2', 'X3', 'Y1', 'Y2', 'Y3']);
  expect(policy.groups).toEqual([
    { name: 'X', threshold: 2, members: ['X1', 'X2', 'X3'] },
    { name: 'Y', threshold: 1, members: ['Y1', 'Y2', 'Y3'] },
    { name: 'X-and-Y', threshold: 2, members: ['X', 'Y'] },
  ]);
  expect(parsePolicy(c, formatPolicy(c, policy))).toEqual(policy);
});

test('the quorum counts witnesses, group by group', () => {
  const [x1, x2, x3, y1, y2] = witnesses as [TestKey, TestKey, TestKey, TestKey, TestKey];
  const cases: [boolean, TestKey[]][] = [
    [true, [x1, x2, y1]],
    [true, [x1, x3, y2]],
    [true, witnesses],
    [false, [x1, y1]],
    [false, [x1, x2, x3]],
    [false, []],
  ];
  for (const [good, cosigners] of cases) expect(satisfied(policy, opened([log], cosigners))).toBe(good);
});

test('a log of the policy has to have signed, under its own origin', () => {
  const foreign = testKey('evidence.example.org/t/other');
  const strange = formatCheckpoint({ origin: foreign.log.name, size: 9, root: madeLeaves(1)[0]! });
  expect(satisfied(policy, opened([], witnesses))).toBe(false);
  expect(satisfied(policy, opened([foreign], witnesses, strange))).toBe(false);
  expect(satisfied(policy, opened([log], witnesses, strange))).toBe(false);
  const anyLog = parsePolicy(c, text.replace(`${logLine}\n`, ''))!;
  expect(satisfied(anyLog, opened([foreign], witnesses, strange))).toBe(true);
});

test('no quorum is asked for when it says so', () => {
  const alone = parsePolicy(c, `${logLine}\nquorum none\n`)!;
  expect(satisfied(alone, opened([log], []))).toBe(true);
  expect(parsePolicy(c, 'quorum none\n')).toEqual({ logs: [], witnesses: [], groups: [], quorum: 'none' });
  const one = parsePolicy(c, `${witnessLines[0]} https://w.example.org/\nquorum X1\n`)!;
  expect(one.witnesses[0]!.url).toBe('https://w.example.org/');
  expect(satisfied(one, opened([log], [witnesses[0]!]))).toBe(true);
  expect(satisfied(one, opened([log], [witnesses[1]!]))).toBe(false);
  expect(parsePolicy(c, formatPolicy(c, one))).toEqual(one);
});

const twin = { ...log, log: { ...log.log, name: 'evidence.example.org/t/twin' } };
test.each(
  Object.entries({
    'no quorum': `${logLine}\n`,
    'two quorums': 'quorum none\nquorum none\n',
    'quorum of an unknown name': 'quorum X1\n',
    'quorum before its witness': `quorum X1\n${witnessLines[0]}\n`,
    'quorum of two names': `${witnessLines[0]}\n${witnessLines[1]}\nquorum X1 X2\n`,
    'no newline at the end': 'quorum none',
    'an unknown word': 'quorum none\nlogs\n',
    'a log with the key of a witness': `log ${vkeyOf(log, 4)}\nquorum none\n`,
    'a witness with the key of a log': `witness a ${vkeyOf(log, 1)}\nquorum none\n`,
    'a log twice': `${logLine}\n${logLine}\nquorum none\n`,
    'one key under two names of logs': `${logLine}\nlog ${vkeyOf(twin, 1)}\nquorum none\n`,
    'one key under two names of witnesses': `${witnessLines[0]}\n${witnessLines[0]!.replace('X1', 'X2')}\nquorum none\n`,
    'a name twice': `${witnessLines[0]}\n${witnessLines[1]!.replace('X2', 'X1')}\nquorum none\n`,
    'a witness that is called none': `${witnessLines[0]!.replace('X1', 'none')}\nquorum none\n`,
    'a group that is called none': `${witnessLines[0]}\ngroup none any X1\nquorum none\n`,
    'a group called as a witness': `${witnessLines[0]}\ngroup X1 any X1\nquorum none\n`,
    'none as a member': 'group a any none\nquorum none\n',
    'a group of nobody': 'group a any\nquorum none\n',
    'all of nobody': 'group a all\nquorum none\n',
    'a threshold of zero': `${witnessLines[0]}\ngroup a 0 X1\nquorum none\n`,
    'a threshold above the members': `${witnessLines[0]}\ngroup a 2 X1\nquorum none\n`,
    'a threshold with a zero before it': `${witnessLines[0]}\ngroup a 01 X1\nquorum none\n`,
    'a member twice': `${witnessLines[0]}\ngroup a any X1 X1\nquorum none\n`,
    'a member of two groups': `${witnessLines[0]}\ngroup a any X1\ngroup b any X1\nquorum none\n`,
    'a group in itself': 'group a any a\nquorum none\n',
    'a carriage return': 'quorum none\r\n',
    'a key that is none': 'log abc\nquorum none\n',
    'a word too many': `${logLine} https://a/ https://b/\nquorum none\n`,
    nothing: '',
  }),
)('no policy: %s', (_, some) => expect(parsePolicy(c, some)).toBeUndefined());

test('no policy is written that cannot be read', () => {
  expect(() => formatPolicy(c, { ...policy, quorum: 'Z' })).toThrow(RangeError);
  expect(() => formatPolicy(c, { ...policy, logs: [{ verifier: log.log, url: 'https://a b/' }] })).not.toThrow(
    TypeError,
  );
  expect(() => formatPolicy(c, { logs: [], witnesses: [], groups: [], quorum: 'none\nquorum none' })).toThrow(
    RangeError,
  );
});

const hashes = madeLeaves(4);
const checkpoint = formatNote(body, [log.sign(body)]);
const proof = formatProof({ index: 8, hashes, checkpoint });

test('a proof is the text of the specification', () => {
  const lines = ['c2sp.org/tlog-proof@v1', 'index 8', ...hashes.map(toBase64), '', checkpoint];
  expect(proof).toBe(lines.join('\n'));
  expect(parseProof(proof)).toEqual({ index: 8, hashes, checkpoint });
  for (const extra of [new Uint8Array(0), Uint8Array.of(1, 2, 3)]) {
    const some = { index: 0, hashes: [], checkpoint, extra };
    expect(parseProof(formatProof(some))).toEqual(some);
  }
});

test.each(
  Object.entries({
    nothing: '',
    'another version': proof.replace('@v1', '@v2'),
    'something before it': `\n${proof}`,
    'no index': proof.replace('index 8\n', ''),
    'an index with a zero before it': proof.replace('index 8', 'index 08'),
    'an index that is not in the tree': proof.replace('index 8', 'index 9'),
    'extra behind the index': proof.replace('index 8\n', 'index 8\nextra AAAA\n'),
    'extra that is no base64': proof.replace('index', 'extra A\nindex'),
    'two extras': proof.replace('index', 'extra AAAA\nextra AAAA\nindex'),
    'a hash too short': proof.replace(toBase64(hashes[0]!), 'AAAA'),
    'a hash in another spelling': proof.replace(toBase64(hashes[0]!), toBase64(hashes[0]!).replace(/.=$/, '9=')),
    'a space behind a hash': proof.replace(toBase64(hashes[0]!), `${toBase64(hashes[0]!)} `),
    'too many hashes': proof.replace('index 8\n', `index 8\n${`${toBase64(hashes[0]!)}\n`.repeat(60)}`),
    'no empty line': proof.replace('\n\n', '\n'),
    'no checkpoint': proof.slice(0, proof.indexOf('\n\n') + 2),
    'an unsigned checkpoint': proof.slice(0, proof.lastIndexOf('\n\n') + 1),
    'something behind it': `${proof}x`,
    'carriage returns': proof.replaceAll('\n', '\r\n'),
  }),
)('no proof: %s', (_, some) => expect(parseProof(some)).toBeUndefined());

test('no proof is written that cannot be read', () => {
  for (const index of [-1, 9, 0.5]) expect(() => formatProof({ index, hashes, checkpoint })).toThrow(RangeError);
  expect(() => formatProof({ index: 1, hashes, checkpoint: 'x' })).toThrow(RangeError);
  expect(() => formatProof({ index: 1, hashes: [new Uint8Array(31)], checkpoint })).toThrow(RangeError);
});
