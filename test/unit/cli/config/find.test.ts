import assert from 'node:assert/strict';
import { chmod, chown } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { demandFile, findConfig } from '../../../../src/cli/config/find.js';
import { UsageError } from '../../../../src/errors.js';
import { isRoot } from '../../../support/needs.js';
import { place, tempFolder } from '../../../support/temp-folder.js';

test('the file is the one that is named, else that of the folder for settings, else none', async (t) => {
  const folder = await tempFolder(t);
  assert.deepEqual(findConfig(undefined, { HOME: folder }), { path: undefined });
  const path = await place(join(folder, '.config', 'nydusify'), 'nydusify.toml', '');
  assert.deepEqual(findConfig(undefined, { HOME: folder }), { path });
  assert.deepEqual(findConfig(undefined, { HOME: '/none', XDG_CONFIG_HOME: join(folder, '.config') }), {
    path,
  });
  assert.deepEqual(findConfig(undefined, { HOME: folder, XDG_CONFIG_HOME: '/none' }), { path: undefined });
  assert.deepEqual(findConfig('/named', { HOME: folder }), { path: '/named' });
  assert.deepEqual(findConfig('/dev/null', { HOME: folder }), { path: undefined });
});

test('a configuration file that another user can have written is read only when it is named', async (t) => {
  const folder = await tempFolder(t);
  const path = await place(join(folder, '.config', 'nydusify'), 'nydusify.toml', 'insecure = true');
  const spoiled = [
    () => chmod(path, 0o666),
    ...(isRoot ? [async () => chmod(path, 0o644).then(() => chown(path, 12_345, 12_345))] : []),
  ];
  for (const spoil of spoiled) {
    await spoil();
    const found = findConfig(undefined, { HOME: folder });
    assert.equal(found.path, undefined);
    assert.match(found.warning ?? '', /another user can have written it; --config .* reads it/);
    assert.equal(findConfig(path, { HOME: folder }).path, path);
  }
});

test('a profile needs a file', () => {
  demandFile(undefined, {});
  assert.throws(() => {
    demandFile('ci', { HOME: '/h' });
  }, UsageError);
});
