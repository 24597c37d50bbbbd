import assert from 'node:assert/strict';
import { symlink, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { readSettings } from '../../../src/io/settings-file.js';
import { runTool } from '../../support/run-tool.js';
import { tempFolder } from '../../support/temp-folder.js';

test('logins, certificates and settings of hosts are read from files alone, up to a size', async (t) => {
  const folder = await tempFolder(t);
  const path = join(folder, 'file');
  await writeFile(path, '{"ü":1}');
  assert.equal(await readSettings(path), '{"ü":1}');
  await assert.rejects(readSettings(join(folder, 'none')), { code: 'ENOENT' });
  await runTool('mkfifo', [join(folder, 'pipe')]);
  await symlink('/dev/zero', join(folder, 'endless'));
  await writeFile(join(folder, 'large'), '');
  await truncate(join(folder, 'large'), 2 ** 40);
  for (const name of ['pipe', 'endless', 'large'])
    await assert.rejects(readSettings(join(folder, name)), Error, name);
});
