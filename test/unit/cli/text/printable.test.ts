/** Text from outside cannot act: not on a terminal, not on a CI server, not in a report. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fc } from '../../../support/properties.js';
import { painted, terminalLine } from '../../../../src/cli/text/paint.js';
import { printable, printableJson } from '../../../../src/cli/text/printable.js';
import { TerminalText } from '../../../../src/cli/text/terminal-text.js';
import { displayName, rawNameFromText } from '../../../../src/oci/raw-name.js';
import { pathFromText } from '../../../../src/look/lookup.js';

/** Written out by number, apart from the expression of the product. */
const ACTING = [
  ...range(0, 0x1f),
  ...range(0x7f, 0x9f),
  0xad,
  0x34f,
  0x61c,
  0x115f,
  0x180e,
  ...range(0x200b, 0x200f),
  ...range(0x2028, 0x202e),
  ...range(0x2060, 0x206f),
  0x3164,
  0xfe0f,
  0xfeff,
  0xffa0,
  ...range(0xfff9, 0xfffb),
  0xe0001,
  0xe0041,
  0xd800,
].map((code) => String.fromCodePoint(code));

function range(from: number, to: number): readonly number[] {
  return Array.from({ length: to - from + 1 }, (_, i) => from + i);
}

test('characters that act or cannot be seen are shown by their numbers, and the others stay', () => {
  for (const character of ACTING) {
    const shown = printable(`a${character}b`);
    assert.match(shown, /^a\\(?:[nrt]|x[0-9a-f]{2}|u\{[0-9a-f]+\})b$/);
    assert.equal(printable(shown), shown);
    assert.equal(printableJson({ a: character }).includes(character), false);
    assert.deepEqual(JSON.parse(printableJson({ a: character }, 2)), { a: character });
  }
  for (const text of ['plain', 'Ünïcödé', 'Привет', '日本語', '🐳', 'C:\\dir', 'a:b::c', '# ## ###'])
    assert.equal(printable(text), text);
});

test('no line is a command for a CI server', () => {
  for (const text of [
    '::error::no',
    '  ::add-mask::x',
    '\u00a0::set-output name=a::b',
    '::warning file=a::b',
  ])
    assert.doesNotMatch(printable(text), /^\s*::/u);
  for (const text of [
    '##[error]no',
    'x ##[group]y',
    '##vso[task.setvariable]z',
    '##teamcity[testFailed]',
    '###[a]',
  ])
    assert.doesNotMatch(printable(text) + printableJson({ text }), /##[A-Za-z]*\[/);
  assert.deepEqual(JSON.parse(printableJson({ a: '##vso[x]' })), { a: '##vso[x]' });
});

test('whatever the text, the output has nothing that acts, and JSON loses nothing', () => {
  const text = fc.string({ unit: 'binary', maxLength: 40 });
  fc.assert(
    fc.property(text, (value) => {
      assert.doesNotMatch(printable(value), /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/u);
      assert.equal(printable(printable(value)), printable(value));
      assert.deepEqual(JSON.parse(printableJson([value], 1)), [value]);
      assert.equal(pathFromText(displayName(rawNameFromText(value))), rawNameFromText(value));
    }),
  );
});

test('only colours of our own reach a terminal', () => {
  const red = (text: string): string => `\x1b[31m${text}\x1b[39m`;
  assert.equal(
    terminalLine(`${painted(red, 'a\x1b[2Jb')} \x1b[31mc`),
    '\x1b[31ma\\x1b[2Jb\x1b[39m \\x1b[31mc',
  );
});

test('a name with characters that cannot be seen is shown in a form that finds it again', () => {
  for (const name of ['a\u202eb', 'ü\x1b[2J', 'a\\b', 'zero\u200bwidth', 'плохо\n', '\u{e0041}']) {
    const shown = displayName(rawNameFromText(name));
    assert.equal(printable(shown), shown);
    assert.equal(pathFromText(shown), rawNameFromText(name));
  }
  assert.equal(displayName(rawNameFromText('ü\u202eé')), 'ü\\xe2\\x80\\xaeé');
});

test('a file is shown on a terminal as text, however its bytes come', () => {
  const bytes = Buffer.from('a\tb\r\nc\rd\x1b[2Jé\u202e\n\r');
  for (const size of [1, 2, 3, 100]) {
    const text = new TerminalText();
    let shown = '';
    for (let at = 0; at < bytes.length; at += size) shown += text.next(bytes.subarray(at, at + size));
    assert.equal(shown + text.end(), 'a\tb\r\nc\\rd\\x1b[2Jé\\u{202e}\n\\r');
  }
});
