/** Ways to spoil bytes, texts, lists of hashes and numbers. Each draws from a seed, so that a finding can be repeated. */

type Random = (n: number) => number;
/** Something spoiled; it may come out as it was. */
type Spoil<T> = (value: T, random: Random) => T;

const pick = <T>(list: readonly T[], random: Random): T => list[random(list.length)]!;

const flip: Spoil<Uint8Array> = (bytes, random) => {
  const copy = bytes.slice();
  if (copy.length > 0) copy[random(copy.length)]! ^= 1 << random(8);
  return copy;
};

const byteSpoils: readonly Spoil<Uint8Array>[] = [
  flip,
  flip,
  (bytes, random) => flip(flip(bytes, random), random),
  (bytes, random) => bytes.slice(0, random(bytes.length + 1)),
  (bytes, random) => bytes.slice(random(bytes.length + 1)),
  (bytes, random) => Uint8Array.of(...bytes, random(256)),
  (bytes, random) => Uint8Array.of(random(256), ...bytes),
  (bytes) => bytes.toReversed(),
  (bytes) => new Uint8Array(bytes.length),
];
export const spoilBytes: Spoil<Uint8Array> = (bytes, random) => pick(byteSpoils, random)(bytes, random);

const swap = <T>(list: readonly T[], random: Random): T[] => {
  const copy = [...list];
  if (copy.length > 1) {
    const [a, b] = [random(copy.length), random(copy.length)];
    [copy[a], copy[b]] = [copy[b]!, copy[a]!];
  }
  return copy;
};

const listSpoils: readonly Spoil<readonly Uint8Array[]>[] = [
  (list, random) => (list.length === 0 ? list : list.with(random(list.length), flip(pick(list, random), random))),
  (list, random) => {
    if (list.length === 0) return list;
    const at = random(list.length);
    return list.with(at, spoilBytes(list[at]!, random));
  },
  swap,
  (list, random) => (list.length === 0 ? list : list.toSpliced(random(list.length), 1)),
  (list, random) => (list.length === 0 ? list : list.toSpliced(random(list.length), 0, pick(list, random))),
  (list) => list.toReversed(),
  (list) => [...list, new Uint8Array(32)],
  (list) => [new Uint8Array(0), ...list],
  () => [],
];
export const spoilList: Spoil<readonly Uint8Array[]> = (list, random) => pick(listSpoils, random)(list, random);

const numberSpoils: readonly Spoil<number>[] = [
  (n) => n + 1,
  (n) => n - 1,
  (n) => n * 2,
  (n) => Math.floor(n / 2),
  (n, random) => n + random(1000),
  (n) => n + 0.5,
  (n) => -n,
  (n) => n + 2 ** 31,
  (n) => n + 2 ** 32,
  (n) => n + 2 ** 52,
  () => 0,
  () => 2 ** 53 - 1,
  () => 2 ** 53,
  () => 2 ** 64,
  () => Number.NaN,
  () => Number.POSITIVE_INFINITY,
];
export const spoilNumber: Spoil<number> = (n, random) => pick(numberSpoils, random)(n, random);

const byLines =
  (spoil: Spoil<readonly string[]>): Spoil<string> =>
  (text, random) =>
    spoil(text.split('\n'), random).join('\n');
const letters = [...'Aa0/+= \t\r\n\0—é\u2003\ufeff', '\ud800', '\n\n', '  ', '==', '\u007f'];
/** The spare bits of the last letter before padding, which lax readers ignore. */
const spareBits: Spoil<string> = (text, random) => {
  const ends = [...text.matchAll(/([A-Za-z0-9+/])=+\n/g)];
  if (ends.length === 0) return text;
  const { index } = pick(ends, random);
  const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/';
  const next = alphabet[alphabet.indexOf(text[index]!) ^ 1]!;
  return text.slice(0, index) + next + text.slice(index + 1);
};

const textSpoils: readonly Spoil<string>[] = [
  (text, random) => new TextDecoder().decode(flip(new TextEncoder().encode(text), random)),
  (text, random) => {
    const at = random(text.length);
    return text.slice(0, at) + String.fromCharCode(text.charCodeAt(at) ^ (1 << random(7))) + text.slice(at + 1);
  },
  (text, random) => {
    const at = random(text.length);
    return text.slice(0, at) + text.slice(at + 1);
  },
  (text, random) => {
    const at = random(text.length + 1);
    return text.slice(0, at) + pick(letters, random) + text.slice(at);
  },
  (text, random) => text.slice(0, random(text.length)),
  (text, random) => text + pick(letters, random),
  (text, random) => text + text.slice(random(text.length)),
  byLines(swap<string>),
  byLines((lines, random) => lines.toSpliced(random(lines.length), 1)),
  byLines((lines, random) => lines.toSpliced(random(lines.length), 0, pick(lines, random))),
  (text, random) => text.replace(/\n([0-9]+)\n/, (_, n: string) => `\n${spoilNumber(Number(n), random)}\n`),
  (text, random) => text.replace(/\nindex ([0-9]+)\n/, (_, n: string) => `\nindex ${spoilNumber(Number(n), random)}\n`),
  (text) => text.replace(/(\n(?:index )?)([0-9]+\n)/, (_, before: string, n: string) => `${before}0${n}`),
  (text, random) => text.replaceAll('\n', pick(['\r\n', '\n\n', '\u2028', ' \n'], random)),
  (text) => text.replace(/=+\n/, '\n'),
  spareBits,
  spareBits,
  (text) => text.replaceAll('+', '-').replaceAll('/', '_'),
  (text) => text.toUpperCase(),
];
export const spoilText: Spoil<string> = (text, random) => pick(textSpoils, random)(text, random);
