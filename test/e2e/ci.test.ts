/** The command as a step of a CI server: what it writes into the log, and what it hands on. */
import assert from 'node:assert/strict';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { nydusify, registry } from '../support/command.js';
import { buildImage } from '../support/images/image-builder.js';
import { file, layer } from '../support/images/tar.js';
import { tempFolder } from '../support/temp-folder.js';

const image = buildImage({ layers: [layer(file('motd', 'hello'))] });

/** The values of a step, as GitHub's runner reads them. */
function outputs(text: string): ReadonlyMap<string, string> {
  return new Map(
    [...text.matchAll(/^([a-z]+)<<(\S+)\n([^]*?)\n\2\n/gm)].map(([, name = '', , value = '']) => [
      name,
      value,
    ]),
  );
}

test('on GitHub image, digest and verdict are handed on, errors annotated, and the summary of the job grows', async (t) => {
  const { host, put, get } = await registry(t);
  const source = await put('app:1', image);
  const target = `${host}/t:1`;
  const folder = await tempFolder(t);
  const [output, summary] = [join(folder, 'output'), join(folder, 'summary.md')];
  await writeFile(output, 'before=1\n');
  await writeFile(summary, '# Before\n');
  const env = { GITHUB_ACTIONS: 'true', CI: 'true', GITHUB_OUTPUT: output, GITHUB_STEP_SUMMARY: summary };
  const done = await nydusify(['convert', source, target], { env, cwd: folder });
  assert.equal(done.status, 0, done.stderr);
  const { digest } = await get(target);
  const handed = await readFile(output, 'utf8');
  assert.match(handed, /^before=1\n/);
  assert.deepEqual(
    [...outputs(handed)],
    [
      ['image', `${host}/t@${digest}`],
      ['digest', digest],
    ],
  );
  const good = await nydusify(['check', '--report', `markdown=${summary}`, target], { env, cwd: folder });
  assert.equal(good.status, 0, good.stderr);
  assert.equal(outputs(await readFile(output, 'utf8')).get('verdict'), 'good');
  const other = await put('other:1', buildImage({ layers: [layer(file('motd', 'other'))] }));
  const bad = await nydusify(['check', '--report', `markdown=${summary}`, target, other], {
    env,
    cwd: folder,
  });
  assert.equal(bad.status, 1);
  assert.match(bad.stderr, /^::error title=FS-CONTENT::linux\/amd64 filesystem \/motd: /m);
  assert.equal(outputs(await readFile(output, 'utf8')).get('verdict'), 'bad');
  const lost = await nydusify(['check', '--report', `markdown=${summary}`, `${host}/none:1`], {
    env,
    cwd: folder,
  });
  assert.equal(lost.status, 3);
  assert.match(lost.stderr, /^::error title=REGISTRY::/m);
  assert.equal(outputs(await readFile(output, 'utf8')).get('verdict'), 'unknown');
  assert.match(await readFile(summary, 'utf8'), /^# Before\n[^]*## ✅ good[^]*## ❌ bad[^]*## ❌ unknown/);

  const unisolated = ['--merge-platform', '--merge-isolation', 'none', source, `${host}/t:2`];
  const warned = await nydusify(['convert', ...unisolated], { env, cwd: folder });
  assert.match(warned.stderr, /^::warning title=NOT_ISOLATED::the OCI half shares /m);
  assert.doesNotMatch((await nydusify(['convert', ...unisolated], { cwd: folder })).stderr, /^::/m);

  // Beside JSON and in a log file there are no annotations, and --ci none is silent.
  for (const flags of [['--json'], ['--log-file', join(folder, 'log')], ['--ci', 'none']]) {
    const { stderr } = await nydusify(['check', ...flags, target, other], { env, cwd: folder });
    assert.doesNotMatch(stderr, /^::/m, flags.join(' '));
  }
  await writeFile(output, '');
  await nydusify(['check', '--ci=none', target], { env, cwd: folder });
  assert.equal(await readFile(output, 'utf8'), '');
});

test('on GitLab each platform of a conversion is a section of the log, and so is a check', async (t) => {
  const { host, put } = await registry(t);
  const source = await put('app:1', image);
  const target = `${host}/t:1`;
  const folder = await tempFolder(t);
  const env = { GITLAB_CI: 'true', CI: 'true' };
  const done = await nydusify(['convert', source, target], { env, cwd: folder });
  assert.equal(done.status, 0, done.stderr);
  assert.match(
    done.stderr,
    /^\x1b\[0Ksection_start:[0-9]+:nydusify_1\r\x1b\[0Kconvert linux\/amd64\n[^]*\x1b\[0Ksection_end:[0-9]+:nydusify_1\r\x1b\[0K\n/m,
  );
  const checked = await nydusify(['check', target], { env, cwd: folder });
  assert.match(checked.stderr, /section_start:[0-9]+:nydusify_1\r[^]*section_end:[0-9]+:nydusify_1\r/);
  for (const argv of [
    ['convert', '--progress', 'json', source, target],
    ['convert', '--ci', 'none', source, target],
    ['check', '--json', target],
  ])
    assert.doesNotMatch((await nydusify(argv, { env, cwd: folder })).stderr, /section_/);
  assert.equal((await nydusify(['check', '--ci', 'jenkins', target], { env, cwd: folder })).status, 2);
});
