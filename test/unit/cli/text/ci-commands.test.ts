import assert from 'node:assert/strict';
import { test } from 'node:test';
import { finding } from '../../../../src/check/finding.js';
import { ciLog } from '../../../../src/cli/ci/server.js';
import { annotateFindings } from '../../../../src/cli/report/finding-annotations.js';
import { annotate } from '../../../../src/cli/text/annotations.js';
import { LogSection } from '../../../../src/cli/text/log-section.js';
import { ScreenTerminal } from '../../../support/screen-terminal.js';

function sink(): { readonly write: (text: string) => void; readonly text: () => string } {
  let text = '';
  return { write: (more) => (text += more), text: () => text };
}

/** A line as GitHub's runner reads it: command, properties, message. */
function parsed(line: string): readonly (string | undefined)[] {
  const [, command, properties = '', message = ''] = /^::([a-z]+) ([^:]*)::(.*)$/.exec(line) ?? [];
  const plain = (text: string): string =>
    text.replaceAll('%3A', ':').replaceAll('%2C', ',').replaceAll('%0A', '\n').replaceAll('%25', '%');
  return [command, ...properties.split(',').map(plain), plain(message)];
}

test('an annotation is one line, whatever its title and message hold', () => {
  const output = sink();
  annotate(output, 'error', 'A:B,file=/etc/x::', '100 %\n::stop-commands::x\r##[group]y%0A::z');
  assert.match(output.text(), /^[^\n\r]*\n$/);
  assert.deepEqual(parsed(output.text().trimEnd()), [
    'error',
    'title=A:B,file=/etc/x::',
    '100 %\\n::stop-commands::x\\r\\x23#[group]y%0A::z',
  ]);
});

test('a server reads the log, also if it gives the job a terminal; a person who watches one does not', () => {
  const terminal = new ScreenTerminal(80, 24);
  const github = { GITHUB_ACTIONS: 'true' };
  assert.equal(ciLog(undefined, { env: github }), 'github');
  assert.equal(ciLog(undefined, { env: github, terminal }), undefined);
  assert.equal(ciLog(undefined, { env: { ...github, CI: 'true' }, terminal }), 'github');
  assert.equal(ciLog(undefined, { env: { CI: 'true' }, terminal }), undefined);
});

test('findings are annotated by kind, worst first, and as many as the server shows', () => {
  const output = sink();
  const where = { platform: 'linux/amd64', part: 'manifest' };
  annotateFindings(output, [
    finding('INDEX-PAIR', {}, { message: 'no pair' }),
    ...Array.from({ length: 3 }, () => finding('FS-CONTENT', where, { message: 'content differs' })),
    ...Array.from({ length: 20 }, (_, i) => ({
      id: `X-${i}`,
      severity: 'error' as const,
      where,
      message: 'x',
    })),
  ]);
  const lines = output.text().trimEnd().split('\n');
  assert.equal(
    lines[0],
    '::error title=FS-CONTENT::linux/amd64 manifest: content differs (and 2 more findings)',
  );
  assert.equal(lines.filter((line) => line.startsWith('::error ')).length, 10);
  assert.equal(lines.at(-1), '::warning title=INDEX-PAIR::the reference: no pair');
});

test('sections of a GitLab log do not nest, end once, and take their titles as text', () => {
  const output = sink();
  const section = new LogSection(output, () => 1_700_000_000_999);
  section.start('linux/amd64\r\x1b[0Ksection_end:1:a\r');
  section.start('linux/arm64');
  section.end();
  section.end();
  const edges = [
    ...output.text().matchAll(/^\x1b\[0Ksection_(start|end):1700000000:(nydusify_[0-9])\r\x1b\[0K(.*)$/gm),
  ];
  assert.deepEqual(
    edges.map(([, edge, name, title]) => [edge, name, title]),
    [
      ['start', 'nydusify_1', 'linux/amd64\\r\\x1b[0Ksection_end:1:a\\r'],
      ['end', 'nydusify_1', ''],
      ['start', 'nydusify_2', 'linux/arm64'],
      ['end', 'nydusify_2', ''],
    ],
  );
  assert.equal(output.text().split('\n').length, 5);
});
