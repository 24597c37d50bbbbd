/** A man page for the program and for each command says what the help says, in roff that its judges accept. */
import assert from 'node:assert/strict';
import { mkdtemp, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { COMMANDS } from '../../../src/cli/command-list.js';
import { GLOBAL_FLAGS } from '../../../src/cli/flags/global.js';
import { FLAGS_OF } from '../../../src/cli/flags/tables.js';
import { manPages } from '../../../tools/packages/man.js';
import { bold, filled, roff, syntax, verbatim } from '../../../tools/packages/roff.js';
import { needs } from '../../support/needs.js';
import { tryRun } from '../../support/run-tool.js';
import { removeFolder } from '../../support/temp-folder.js';

let folder = '';
let files: readonly string[] = [];
let pages: ReadonlyMap<string, string> = new Map();

before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'nydusify-man-'));
  pages = await manPages({ version: '1.2.3', date: '2026-01-31' });
  for (const [name, text] of pages) await writeFile(join(folder, name), text);
  files = [...pages.keys()].map((name) => join(folder, name));
});

after(async () => {
  await removeFolder(folder);
});

test('the program and every command have a page, with every flag that the help shows and no other', () => {
  assert.deepEqual([...pages.keys()], ['nydusify.1', ...COMMANDS.map(({ name }) => `nydusify-${name}.1`)]);
  for (const [command, flags] of Object.entries(FLAGS_OF)) {
    const text = pages.get(`nydusify-${command}.1`) ?? '';
    for (const { name, hidden } of [...flags, ...GLOBAL_FLAGS]) {
      const term = new RegExp(`^\\\\fB.*${roff(`--${name}`).replaceAll('\\', '\\\\')}(?!\\w|\\\\-)`, 'm');
      assert.equal(term.test(text), hidden !== true, `${command} --${name}`);
    }
    assert.match(text, /^\.SH "EXAMPLES"\n\.nf\n/m, command);
  }
});

test('text that roff would act on is shown as it is', async (t) => {
  assert.equal(roff('a\\b -x'), 'a\\eb \\-x');
  assert.equal(roff(".x\n'y"), '\\&.x\n\\(aqy');
  assert.equal(roff('PATH…'), 'PATH\\[u2026]');
  assert.equal(syntax('-l, --log-level <level>'), `${bold('-l, --log-level ')}\\fIlevel\\fR`);
  const long = filled(`${'word '.repeat(30)}.dot`);
  assert.ok(long.split('\n').every((line) => line.length < 80));
  assert.ok(!/^\./m.test(long) && !/ \\&\./.test(long));
  if (!needs(t, 'mandoc')) return;
  const text = String.raw`.a 'b' \n[x] "c" ^~${'`'} -- \fB …`;
  const page = `.TH X 1 2026-01-31\n.SH NAME\nx \\- y\n.SH D\n${verbatim([text])}\n`;
  const { stdout } = await tryRun('mandoc', ['-T', 'utf8', '-O', 'width=100'], { input: page });
  assert.ok(stdout.toString().includes(text), stdout.toString());
});

test('mandoc finds nothing to say about the pages', async (t) => {
  if (!needs(t, 'mandoc')) return;
  const { status, stdout, stderr } = await tryRun('mandoc', ['-T', 'lint', '-W', 'style', ...files]);
  assert.equal(`${stdout.toString()}${stderr}`, '');
  assert.equal(status, 0);
});

test('man shows the pages without warnings', async (t) => {
  if (!needs(t, 'man')) return;
  for (const path of files) {
    const env = { PATH: process.env['PATH'] ?? '', LC_ALL: 'C.UTF-8', MANWIDTH: '80' };
    const { status, stdout, stderr } = await tryRun('man', ['--warnings', '-l', path], { env });
    assert.deepEqual([status, stderr], [0, ''], path);
    assert.match(stdout.toString(), /^NAME\n {7}nydusify/m, path);
  }
});
