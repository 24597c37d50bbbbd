/** `cat` on a terminal: text is shown, a binary file must be asked for. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import type { CliContext } from '../../../src/cli/context.js';
import { main } from '../../../src/cli/main.js';
import { writeLayout } from '../../support/images/oci-layout.js';
import { file, layer } from '../../support/images/tar.js';
import { tempFolder } from '../../support/temp-folder.js';

test('a binary file is not poured over a terminal, unless --binary says so; a pipe gets every byte', async (t) => {
  const layout = join(await tempFolder(t), 'layout');
  const content = 'ELF\0\x1b[2J';
  await writeLayout(layout, '1', [
    { tar: layer(file('app', content), file('note', 'a\x1b[2Jb\n')), compression: 'gzip' },
  ]);
  const cat = async (stdoutIsTTY: boolean, ...args: readonly string[]): Promise<readonly unknown[]> => {
    const written = { out: '', bytes: '', err: '' };
    const context: CliContext = {
      stdout: { write: (text) => (written.out += text) },
      writeBytes: (bytes) => {
        written.bytes += Buffer.from(bytes).toString('latin1');
        return Promise.resolve();
      },
      stderr: { write: (text) => (written.err += text) },
      env: {},
      columns: 80,
      stdoutIsTTY,
      signal: new AbortController().signal,
      exitCode: 0,
    };
    const status = await main(['cat', '-q', `oci:${layout}:1`, ...args], context);
    return [status, written.out, written.bytes, written.err];
  };
  const hint = `hint: nydusify cat oci:${layout}:1 /app > FILE; --binary shows it all the same`;
  assert.deepEqual(await cat(true, '/app'), [2, '', '', `error: /app is no text\n${hint}\n`]);
  assert.deepEqual(await cat(true, '--binary', '/app'), [0, 'ELF\\x00\\x1b[2J', '', '']);
  assert.deepEqual(await cat(true, '/note'), [0, 'a\\x1b[2Jb\n', '', '']);
  assert.deepEqual(await cat(false, '/app'), [0, '', content, '']);
});
