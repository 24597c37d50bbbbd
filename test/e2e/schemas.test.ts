/** Real output of every command against its description and against the schema that is published. */
import assert from 'node:assert/strict';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { Ajv } from 'ajv';
import * as v from 'valibot';
import { type DocumentName, DOCUMENTS } from '../../tools/docs/schemas/documents.js';
import { nydusify, registry } from '../support/command.js';
import { buildImage, buildIndex } from '../support/images/image-builder.js';
import { packImage } from '../support/images/image.js';
import { dir, file, hardlink, layer, symlink } from '../support/images/tar.js';
import { projectRoot } from '../support/project.js';
import { place, tempFolder } from '../support/temp-folder.js';

/** Offset of the number of blocks in the super block. */
const BLOCKS_AT = 0x400 + 0x24;

const words = 'hello '.repeat(4000);
const LAYERS = [
  layer(dir('etc'), file('etc/motd', words), hardlink('etc/copy', 'etc/motd'), symlink('etc/link', 'motd')),
  layer(file('etc/issue', 'other')),
];
const image = buildImage({ layers: LAYERS });
const index = buildIndex([{ image, fields: { platform: { os: 'linux', architecture: 'amd64' } } }]);

const ajv = new Ajv({ allErrors: true, formats: { 'date-time': true } });

/** Nothing is there that is not described, and a reader of the published schema is content. */
async function holds(name: DocumentName, value: unknown): Promise<void> {
  const { success, issues } = v.safeParse(DOCUMENTS[name].schema, value);
  assert.ok(
    success,
    `${name}: ${(issues ?? []).map((issue) => `${v.getDotPath(issue) ?? ''}: ${issue.message}`).join('\n')}`,
  );
  const schema = JSON.parse(
    await readFile(join(projectRoot, `docs/schemas/${name}.schema.json`), 'utf8'),
  ) as object;
  const validate = ajv.getSchema(name) ?? ajv.addSchema(schema, name).getSchema(name);
  assert.ok(validate?.(value) === true, `${name}: ${ajv.errorsText(validate?.errors)}`);
}

test('every JSON document is as its published schema says, errors too', async (t) => {
  const { host, put } = await registry(t);
  const source = await put('app:1', index);
  const other = await put('app:2', buildImage({ layers: [layer(file('etc/motd', 'changed'))] }));
  const target = `${host}/t:1`;
  const folder = await tempFolder(t);
  const seen = new Set<DocumentName>();
  const run = async (name: DocumentName, status: number, ...argv: readonly string[]): Promise<string> => {
    const done = await nydusify(argv, { cwd: folder });
    assert.equal(done.status, status, done.stderr);
    await holds(name, JSON.parse(done.stdout));
    seen.add(name);
    return done.stderr;
  };
  const isEvent = (line: string): boolean => line.startsWith('{');
  await run('plan', 0, 'plan', '--json', '--merge-platform', source, target);
  const converting = ['convert', '--json', '--progress', 'json', '--merge-platform'];
  const events = [
    await run('convert', 0, ...converting, source, target),
    await run('error', 3, ...converting, `${host}/none:1`, target),
  ];
  for (const line of events.join('').split('\n').filter(isEvent)) await holds('event', JSON.parse(line));
  assert.match(
    events.join(''),
    /"stage":"copy","done":(\d+),"total":\1\b/,
    'the target gets the layers, too',
  );
  seen.add('event');
  await run('copy', 0, 'copy', '--json', '--verify', target, `${host}/copy:1`);
  await run('copy', 1, 'copy', '--json', '--verify-only', target, `${host}/copy:2`);
  const copied = await run('copy', 0, 'copy', '--json', '--progress', 'json', target, `${host}/copy:1`);
  for (const line of copied.split('\n').filter(isEvent)) await holds('event', JSON.parse(line));
  for (const mode of ['auto', 'rebuild'])
    await run('reverse', 0, 'reverse', '--json', '--reverse-mode', mode, target, `${host}/back:1`);
  const directory = join(folder, 'directory');
  await place(directory, 'file', 'content');
  const files = ['--name', 'app', '--output-dir', join(folder, 'built')];
  await run('build', 0, 'build', '--json', ...files, directory);
  const over = ['--image', `${host}/built:1`, '--append-to', target, '--prefetch-dir', '/file'];
  await run('build', 0, 'build', '--json', ...over, directory);
  const changes = join(folder, 'changes.tar');
  await writeFile(changes, layer(file('etc/issue', 'changed')));
  for (const base of [target, `${host}/built:1`]) {
    const onto = ['--diff-tar', changes, '--base', base, `${host}/committed:1`];
    await run('commit', 0, 'commit', '--json', ...onto);
  }
  const hot = join(folder, 'hot.txt');
  await writeFile(hot, '/\n');
  for (const mode of ['json', 'none'])
    await run(
      'optimize',
      0,
      'optimize',
      '--json',
      '--progress',
      mode,
      '--prefetch-files',
      hot,
      target,
      `${host}/fast:1`,
    );
  await run('dedup', 0, 'dedup', 'estimate', '--json', target);
  const dictionary = `${host}/d:1`;
  await run('chunkdict', 0, 'chunkdict', 'generate', '--json', '--target', dictionary, target, target);
  await run('convert', 0, 'convert', '--json', '--chunk-dict', dictionary, source, `${host}/t:2`);
  const cached = ['--build-cache', `${host}/caches:1`, '--cache-dir', join(folder, 'cache')];
  await run('plan', 0, 'plan', '--json', ...cached, source, `${host}/t:3`);
  await run('convert', 0, 'convert', '--json', '--dedup', 'image', ...cached, source, `${host}/t:3`);
  await run('plan', 0, 'plan', '--json', ...cached, source, `${host}/t:3`);
  for (const action of ['ls', 'verify', 'prune'])
    await run('cache', 0, 'cache', action, '--json', `${host}/caches:1`);
  const report = join(folder, 'report.json');
  await run('check', 0, 'check', '--json', '--clients', '--report', `json=${report}`, target, source);
  await holds('check', JSON.parse(await readFile(report, 'utf8')));
  await run('check', 1, 'check', '--json', '--sample', '50%', target, other);
  await run('error', 3, 'check', '--json', '--report', `json=${report}`, `${host}/none:1`);
  await holds('check', JSON.parse(await readFile(report, 'utf8')));
  const { bootstrap } = await packImage(LAYERS);
  await run('inspect', 0, 'inspect', '--json', await place(folder, 'sound.boot', bootstrap));
  const damaged = Buffer.from(bootstrap);
  damaged.writeUInt32LE(damaged.readUInt32LE(BLOCKS_AT) + 1, BLOCKS_AT);
  await run('inspect', 0, 'inspect', '--json', await place(folder, 'damaged.boot', damaged));
  for (const location of [source, target]) {
    await run('inspect', 0, 'inspect', '--json', location);
    await run('ls', 0, 'ls', '-lR', '--json', location);
    await run('tree', 0, 'tree', '--json', location);
  }
  await run('stat', 0, 'stat', '--json', target, '/etc/motd');
  await run('stat', 0, 'stat', '--json', target, '/etc/link');
  await run('du', 0, 'du', '--json', target);
  await run('extract', 0, 'extract', '--json', target, join(folder, 'extracted'));
  await run('diff', 1, 'diff', '--json', target, other);
  const list = join(folder, 'list.txt');
  await writeFile(list, '/etc/motd\n/none\n');
  for (const location of [source, target]) await run('prefetch', 0, 'prefetch', '--json', location, list);
  await run('convert', 0, ...converting, '--prefetch-file', list, source, `${host}/t:listed`);
  await run('config', 0, 'convert', '--print-config', '--json');
  await run('version', 0, 'version', '--json');
  const authfile = join(folder, 'auth.json');
  const login = ['login', '--json', '-u', 'me', '--password-stdin', '--authfile', authfile, host];
  const stored = await nydusify(login, { input: 'secret' });
  assert.deepEqual(JSON.parse(stored.stdout), {
    schemaVersion: 1,
    server: host,
    username: 'me',
    tried: false,
    file: authfile,
  });
  await holds('login', JSON.parse(stored.stdout));
  seen.add('login');
  await run('logout', 0, 'logout', '--json', '--authfile', authfile, host);
  await run('error', 1, 'stat', '--json', target, '/none');
  await run('error', 2, 'ls', '--json', '--no-such-flag', target);
  await run('error', 2, 'check', '--json', 'UPPER:1');
  assert.deepEqual([...seen].sort(), Object.keys(DOCUMENTS).sort());
});

test('a published schema allows members of later versions, and no other values', async () => {
  const good = { schemaVersion: 1, error: { code: 'IO', exitCode: 6, message: 'x' } };
  await holds('error', good);
  const validate = ajv.getSchema('error');
  assert.ok(validate?.({ ...good, later: true }) === true);
  assert.ok(validate({ ...good, error: { ...good.error, exitCode: 0 } }) === false);
  assert.ok(validate({ ...good, schemaVersion: 2 }) === false);
});
