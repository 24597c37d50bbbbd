import assert from 'node:assert/strict';
import { test } from 'node:test';
import { TomlPlaces } from '../../../../src/cli/config/toml-places.js';

const TEXT = `# a comment = with a sign
platform = [
  "linux/amd64", # one
  "linux/arm64",
]
text = """
concurrency = 9
[convert]
"""
concurrency   =  4

  [convert]
"merge-platform" = true
half.of.it = 1

[profile.ci.convert]
progress = 'a = b'
[registries]
"h:5000" = { plain-http = "yes", ca = "x" }
`;

test('keys and values have the line and column at which they stand', () => {
  const places = new TomlPlaces(TEXT);
  const at = (...path: readonly string[]): readonly string[] =>
    [places.keyAt(path), places.valueAt(path)].map(({ line, column }) => `${line}:${column}`);
  assert.deepEqual(at('platform'), ['2:1', '2:12']);
  assert.deepEqual(at('text'), ['6:1', '6:8']);
  assert.deepEqual(at('concurrency'), ['10:1', '10:18']);
  assert.deepEqual(at('convert'), ['12:3', '12:3']);
  assert.deepEqual(at('convert', 'merge-platform'), ['13:1', '13:20']);
  assert.deepEqual(at('convert', 'half', 'of', 'it')[0], '14:9');
  assert.deepEqual(at('profile', 'ci'), ['16:1', '16:1']);
  assert.deepEqual(at('profile', 'ci', 'convert', 'progress'), ['17:1', '17:12']);
  assert.deepEqual(at('registries', 'h:5000', 'plain-http'), ['19:14', '19:27']);
  assert.deepEqual(at('registries', 'h:5000', 'ca'), ['19:34', '19:39']);
});

test('a path that is not known by itself has the place of the table around it', () => {
  const places = new TomlPlaces(TEXT);
  assert.deepEqual(places.keyAt(['convert', 'absent']), { line: 12, column: 3 });
  assert.deepEqual(places.keyAt(['absent']), { line: 1, column: 1 });
});

test('lines may end as on Windows', () => {
  const places = new TomlPlaces('a = 1\r\n\r\n[b]\r\nc = 2\r\n');
  assert.deepEqual(places.valueAt(['b', 'c']), { line: 4, column: 5 });
});

test('brackets, signs and comments inside of texts and lists end no statement', () => {
  const text = [
    'a = """x"""',
    "b = '''",
    '[c]',
    "d = 1 # '''",
    '[ "q.r" . s ]',
    'x = [ # a bracket ] and a "',
    '  1, # ]',
    ']',
    'y = "\\\\"',
    '[[t]]',
    'z = 1',
    '[[t]]',
    "'w x'.v = 1979-05-27T07:32:00Z",
    '',
  ].join('\n');
  const places = new TomlPlaces(text);
  assert.deepEqual(places.keyAt(['q.r', 's', 'x']), { line: 6, column: 1 });
  assert.deepEqual(places.keyAt(['q.r', 's', 'y']), { line: 9, column: 1 });
  assert.deepEqual(places.keyAt(['t', 'z']), { line: 11, column: 1 });
  assert.deepEqual(places.valueAt(['t', 'w x', 'v']), { line: 13, column: 11 });
});
