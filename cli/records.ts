/** Cuts a stream of text into lines, or into the JSON objects of one list, holding one of them at a time. */

export interface Piece {
  readonly text: string;
  /** The line on which it begins, from 1. */
  readonly line: number;
}

/** Lines without their ends; a byte order mark at the start and empty lines are left out. */
export async function* linesOf(chunks: AsyncIterable<string>): AsyncGenerator<Piece> {
  let rest = '';
  let line = 0;
  for await (const chunk of chunks) {
    const parts = (rest + (line === 0 && rest === '' ? chunk.replace(/^\uFEFF/, '') : chunk)).split('\n');
    rest = parts.pop()!;
    for (const part of parts) {
      line += 1;
      if (part.trim() !== '') yield { text: part.replace(/\r$/, ''), line };
    }
  }
  if (rest.trim() !== '') yield { text: rest, line: line + 1 };
}

const isSpace = (code: number) => code === 32 || code === 10 || code === 13 || code === 9 || code === 0xfeff;
const wrapper = /^\s*\{\s*"Records"\s*:\s*\[/;

/**
 * The records of CloudTrail in every form in which people keep them: `{"Records":[…]}`, a list, one a line, or
 * several of these one after the other. What stands between two values and is no JSON is yielded as it is, line by
 * line, so that nobody loses it unseen.
 */
export async function* recordsOf(chunks: AsyncIterable<string>): AsyncGenerator<Piece> {
  const cutter = new Cutter();
  for await (const chunk of chunks) yield* cutter.take(chunk);
  yield* cutter.end();
}

class Cutter {
  #held = '';
  #at = 0;
  #line = 1;
  /** Start of the value that is being read, or -1. */
  #start = -1;
  #startLine = 1;
  #depth = 0;
  #inText = false;
  #escaped = false;
  /** Inside a list whose elements are the records. */
  #inList = false;

  *take(chunk: string): Generator<Piece> {
    this.#held += chunk;
    while (this.#at < this.#held.length) {
      const code = this.#held.charCodeAt(this.#at);
      this.#at += 1;
      if (code === 10) this.#line += 1;
      if (this.#start < 0) {
        // The `}` of a wrapper and the commas between records are no records.
        if (isSpace(code) || code === 125 || (this.#inList && code === 44)) continue;
        if (code === 93 && this.#inList) {
          this.#inList = false;
          continue;
        }
        if (code === 91 && !this.#inList) {
          this.#inList = true;
          continue;
        }
        this.#start = this.#at - 1;
        this.#startLine = this.#line;
        this.#depth = code === 123 || code === 91 ? 1 : 0;
        continue;
      }
      if (this.#depth === 0) {
        if (code === 10) yield* this.#cut(this.#at - 1);
        continue;
      }
      if (this.#inText) {
        if (this.#escaped) this.#escaped = false;
        else if (code === 92) this.#escaped = true;
        else if (code === 34) this.#inText = false;
      } else if (code === 34) this.#inText = true;
      else if (code === 123 || code === 91) {
        this.#depth += 1;
        if (code === 91 && !this.#inList && this.#depth === 2 && this.#isWrapper()) {
          this.#inList = true;
          this.#start = -1;
          this.#depth = 0;
        }
      } else if (code === 125 || code === 93) {
        this.#depth -= 1;
        if (this.#depth === 0) yield* this.#cut(this.#at);
      }
    }
    // What was read is let go; a value that is still open is kept from its start on.
    const keepFrom = this.#start < 0 ? this.#at : this.#start;
    this.#held = this.#held.slice(keepFrom);
    this.#at -= keepFrom;
    if (this.#start >= 0) this.#start = 0;
  }

  *end(): Generator<Piece> {
    if (this.#start >= 0) yield* this.#cut(this.#held.length);
  }

  #isWrapper(): boolean {
    return this.#at - this.#start < 64 && wrapper.test(this.#held.slice(this.#start, this.#at));
  }

  *#cut(end: number): Generator<Piece> {
    const text = this.#held.slice(this.#start, end).trim();
    const line = this.#startLine;
    this.#start = -1;
    this.#depth = 0;
    this.#inText = false;
    yield { text, line };
  }
}
