/**
 * The README of an auditor's bundle: how to check it with tools that are not ours. Every command works as printed, in
 * the folder that the zip was unpacked into; a test runs them.
 */

export interface ReadmeAbout {
  readonly origin: string;
  readonly size: number;
  /** ISO times, or the ids that were asked for. */
  readonly asked: { readonly from: string; readonly to: string } | { readonly ids: readonly string[] };
  readonly madeAt: string;
}

/** The commands, each by what it shows, so that a test can run them one by one. */
export const readmeCommands = {
  /** Prints the commitment of the first event twice: computed from its line, and as the log has it. */
  commitment: `line=1
sed -n "\${line}p" events.jsonl | tr -d '\\n' > line.txt
id=$(jq -r .id line.txt)
{ printf 'trailkeep-commit/v1\\n'; cat line.txt; } | openssl dgst -sha256 -binary | basenc --base64url | tr -d '='
grep -raoh "{\\"c\\":\\"[A-Za-z0-9_-]*\\",\\"id\\":\\"$id\\",[^}]*}" tile/entries | head -n 1 > entry.txt
jq -r .c entry.txt`,
  /** Prints the leaf hash of that entry, and how often it stands in the tiles. */
  leaf: `hash=$({ printf '\\000'; tr -d '\\n' < entry.txt; } | openssl dgst -sha256 -r | cut -c1-64)
echo "$hash"
find tile/0 -type f -exec od -An -v -tx1 -w32 {} + | tr -d ' ' | grep -c "$hash"`,
  /** Checks the log's signature under the checkpoint. */
  signature: `sed '/^$/,$d' checkpoint > text.txt
origin=$(head -n 1 checkpoint)
sed -n "s|^— $origin ||p" checkpoint | head -n 1 | base64 -d | tail -c +5 > signature.bin
{ printf '\\060\\052\\060\\005\\006\\003\\053\\145\\160\\003\\041\\000'
  grep -v '^#' keys.txt | head -n 1 | sed 's/^[^+]*+[^+]*+//' | base64 -d | tail -c +2; } |
  openssl pkey -pubin -inform DER -out key.pem
openssl pkeyutl -verify -pubin -inkey key.pem -rawin -in text.txt -sigfile signature.bin`,
} as const;

/** The text of README.md. */
export function bundleReadme({ origin, size, asked, madeAt }: ReadmeAbout): string {
  const what =
    'ids' in asked
      ? `${asked.ids.length} events that were asked for by their ids`
      : `the events committed from ${asked.from} until before ${asked.to}`;
  const fence = (command: string) => `\`\`\`sh\n${command}\n\`\`\``;
  return `# Evidence from ${origin}

Made ${madeAt}: ${what}, with what proves them against the log's signed tree of ${size} leaves.
Personal fields are encrypted and stay so; that changes nothing of what is proved here.

## All at once

${fence('npx trailkeep verify export . --key keys.txt')}

It works offline. Whoever made this folder made its \`keys.txt\` too: compare it with the log's key from a source of your own,
or give that one to \`--key\`.
Everything below does parts of the same with tools that are not ours (Debian: \`apt install openssl jq\`).

## One event is what the log committed to

\`events.jsonl\` has one stored event a line. The SHA-256 of \`trailkeep-commit/v1\`, a newline and the line is its
commitment, which the event's entry in the log holds as \`c\`. Both printed values are equal; \`line\` chooses the event.

${fence(readmeCommands.commitment)}

## The entry is a leaf of the tree

The leaf hash is the SHA-256 of a zero byte and the entry (RFC 6962). It stands in a tile of level 0, so the count is
not 0. When an id has several entries, each is in \`tile/entries\`; the first is looked at here.

${fence(readmeCommands.leaf)}

## The log signed the tree

A checkpoint is three lines: the log's name, how many leaves, and the root. The answer is \`Signature Verified Successfully\`.

${fence(readmeCommands.signature)}

From the leaf to the root it takes the tiles: 256 hashes of 32 bytes each, laid out as C2SP tlog-tiles
(https://c2sp.org/tlog-tiles). \`npx trailkeep verify\` does it, and so does Go's \`golang.org/x/mod/sumdb/tlog\`.

## What is here

| file | what it is |
|---|---|
| \`events.jsonl\` | stored events with their salts, ordered as in the log |
| \`checkpoint\`, \`tile/\` | the log, as far as these events need it |
| \`keys.txt\`, \`policy.txt\` | which key signs, which witnesses cosign |
| \`range.json\` | for a period: the proof that no leaf of it is left out |
| \`proofs/\` | for single events: one tlog-proof each |
| \`checkpoint-archive/\`, \`consistency.json\` | other checkpoints, and the proofs that they tell one history |
| \`erased.json\` | fields whose keys were destroyed |
| \`manifest.json\` | what was asked for, and which leaves have no line here and why |
`;
}
