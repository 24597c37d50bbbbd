/** How names are shown on a terminal: columns, and the colours of `ls`. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import type { CliContext } from '../../../../src/cli/context.js';
import { main } from '../../../../src/cli/main.js';
import { writeLayout } from '../../../support/images/oci-layout.js';
import { char, dir, file, layer, symlink } from '../../../support/images/tar.js';
import { tempFolder } from '../../../support/temp-folder.js';

const tar = layer(
  dir('bin'),
  file('bin/run', 'x', { mode: 0o755 }),
  ...['alpha', 'beta', 'gamma', 'delta', 'epsilon'].map((name) => file(`names/${name}`)),
  symlink('link', 'bin'),
  char('null', 1, 3),
  file('plain', 'x'),
);

test('on a terminal names stand in columns and have colours, elsewhere one stands on a line', async (t) => {
  const layout = join(await tempFolder(t), 'layout');
  await writeLayout(layout, '1', [{ tar, compression: 'gzip' }]);
  const ls = async (
    args: readonly string[],
    terminal: Pick<CliContext, 'columns' | 'stdoutIsTTY'>,
    env: CliContext['env'] = {},
  ): Promise<string> => {
    let out = '';
    const context: CliContext = {
      stdout: { write: (text) => (out += text) },
      stderr: { write: () => undefined },
      env,
      signal: new AbortController().signal,
      exitCode: 0,
      ...terminal,
    };
    assert.equal(await main(['ls', `oci:${layout}:1`, ...args], context), 0);
    return out;
  };
  const wide = { columns: 80, stdoutIsTTY: true };
  assert.equal(
    await ls([], wide),
    '\x1b[34m\x1b[1mbin\x1b[22m\x1b[39m    \x1b[36mlink\x1b[39m   \x1b[34m\x1b[1mnames\x1b[22m\x1b[39m  \x1b[33mnull\x1b[39m   plain\n',
  );
  assert.match(await ls(['-l', '/bin'], wide), / {2}\x1b\[32mrun\x1b\[39m\n$/);
  assert.equal(await ls(['/names'], wide), 'alpha    beta     delta    epsilon  gamma\n');
  assert.equal(
    await ls(['/names'], { columns: 20, stdoutIsTTY: true }),
    'alpha    epsilon\nbeta     gamma\ndelta\n',
  );
  assert.equal(
    await ls(['/names'], { columns: 3, stdoutIsTTY: true }),
    'alpha\nbeta\ndelta\nepsilon\ngamma\n',
  );
  assert.equal(await ls([], wide, { NO_COLOR: '1' }), 'bin    link   names  null   plain\n');
  assert.equal(await ls([], { columns: 80, stdoutIsTTY: false }), 'bin\nlink\nnames\nnull\nplain\n');
});
