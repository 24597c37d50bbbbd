/**
 * Makes text harmless that comes from images, registries, files and arguments. Every line for a terminal or a log, and every value
 * in a report, passes through here on its way out, so no other module has to think of it.
 */
import { replaceUnseen } from '../../oci/unseen.js';

/**
 * CI servers obey a line that begins with `::` (GitHub) or with `---` and its like (Buildkite), and `##[…]`, `##vso[…]`, `##teamcity[…]`
 * and `travis_fold:` anywhere in a line.
 */
const COMMAND_COLON = /^(\s*):(?=:)/u;
const COMMAND_GROUP = /^([-+~^])(?=\1\1 )/;
const COMMAND_TRAVIS = /travis_(?=(?:fold|time):)/g;
const COMMAND_HASH = /#(?=#[A-Za-z]*\[)/g;
/** Printable ASCII without the characters of such commands: by far most lines, which need no closer look. */
const HARMLESS = /^(?!([-+~^])\1\1 )[\x20-\x22\x24-\x39\x3b-\x7e]*$/;

/**
 * One line of text that shows what it holds: `\n`, `\x1b`, `\u{202e}`. A line that a CI server would take for a command is
 * broken in the same way. A second pass changes nothing.
 */
export function printable(text: string): string {
  if (HARMLESS.test(text)) return text;
  return replaceUnseen(text, escapedCharacter)
    .replace(COMMAND_COLON, '$1\\x3a')
    .replace(COMMAND_GROUP, escapedCharacter)
    .replace(COMMAND_TRAVIS, 'travis\\x5f')
    .replace(COMMAND_HASH, '\\x23');
}

/** Characters of a message: a longer one quotes something that no person reads to its end, and that fills a log. */
const MESSAGE_LENGTH = 4000;
const MESSAGE_END = 500;

/** A message, without the middle of a long one. */
export function shortened(message: string): string {
  const { length } = message;
  if (length <= MESSAGE_LENGTH) return message;
  const start = message.slice(0, MESSAGE_LENGTH - MESSAGE_END);
  return `${start} … (${length - MESSAGE_LENGTH} characters more) … ${message.slice(-MESSAGE_END)}`;
}

const SHORT: Readonly<Record<string, string>> = { '\n': '\\n', '\r': '\\r', '\t': '\\t' };

export function escapedCharacter(character: string): string {
  const code = character.codePointAt(0) ?? 0;
  if (code >= 0x80) return `\\u{${code.toString(16)}}`;
  return SHORT[character] ?? `\\x${code.toString(16).padStart(2, '0')}`;
}

/** A JSON document that can be printed anywhere: the same characters are written as `\u202e`, which readers turn back. */
export function printableJson(value: unknown, indent?: number): string {
  const text = JSON.stringify(value, undefined, indent);
  // JSON has escaped line breaks inside of strings; those between tokens stay.
  return replaceUnseen(text, (character) => (character === '\n' ? character : codeUnits(character)))
    .replace(COMMAND_HASH, '\\u0023')
    .replace(COMMAND_TRAVIS, 'travis\\u005f');
}

function codeUnits(character: string): string {
  return character
    .split('')
    .map((unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`)
    .join('');
}
