/** `nydusify.toml`: defaults, profiles and registries in real runs, and `--print-config`. */
import assert from 'node:assert/strict';
import { copyFile, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { nydusify, registry } from '../support/command.js';
import { buildImage } from '../support/images/image-builder.js';
import { dir, file, layer } from '../support/images/tar.js';
import { needs } from '../support/needs.js';
import { projectRoot } from '../support/project.js';
import { startSecureDockerRegistry } from '../support/registries/real-registries.js';
import { place, tempFolder } from '../support/temp-folder.js';

const image = buildImage({ layers: [layer(dir('etc'), file('etc/motd', 'hello'))] });
const PASSWORD = 'p4ss:wörd';
/** `htpasswd -nbB me PASSWORD` */
const HTPASSWD = 'me:$2b$04$zJBfrRuBaaMk5wW6eb/M/.RHljAe0GJUiurQB8QVpPCxni221lZ4.\n';

interface Printed {
  readonly schemaVersion: number;
  readonly command: string;
  readonly file: string | null;
  readonly profile: string | null;
  readonly flags: readonly {
    readonly name: string;
    readonly value: unknown;
    readonly from: string;
    readonly variable?: string;
    readonly file?: string;
    readonly line?: number;
    readonly table?: string;
  }[];
}

test('a conversion takes its defaults from the file, which words and flags replace', async (t) => {
  const lab = await registry(t);
  const source = await lab.put('a:1', image);
  const home = await tempFolder(t);
  await place(
    join(home, '.config', 'nydusify'),
    'nydusify.toml',
    '[convert]\ntarget-suffix = "-nydus"\nmerge-platform = true\nprogress = "none"\nwork-dir = "~/work"\n[profile.plain.convert]\nmerge-platform = false\n',
  );
  const env = { HOME: home };
  const kind = async (name: string): Promise<boolean> =>
    'manifests' in (await lab.get(`${lab.host}/${name}`)).document;
  for (const [args, name, merged] of [
    [[source], 'a:1-nydus', true],
    [['--profile', 'plain', source, `${lab.host}/a:plain`], 'a:plain', false],
    [['--merge-platform=false', source, '--target', `${lab.host}/a:flag`], 'a:flag', false],
    [['--config', '/dev/null', source, `${lab.host}/a:none`], 'a:none', false],
  ] as const) {
    const done = await nydusify(['convert', ...args], { env, cwd: home });
    assert.equal(done.status, 0, done.stderr);
    assert.doesNotMatch(done.stderr, /^note:/m);
    assert.equal(await kind(name), merged, name);
  }
});

test('a value of the file goes through the parser of its flag, and an error says where it stands', async (t) => {
  const folder = await tempFolder(t);
  const config = await place(folder, 'x.toml', '[convert]\n\nconcurrency = "many"\n');
  for (const outcome of [
    await nydusify(['convert', '--config', config, 'a:1', 'b:1']),
    await nydusify(['convert', 'a:1', 'b:1'], { env: { NYDUSIFY_CONFIG: config } }),
  ]) {
    assert.equal(outcome.status, 2);
    assert.equal(
      outcome.stderr,
      `error: --concurrency "many" is not a whole number\nhint: --concurrency comes from ${config}:3\n`,
    );
  }
  const variable = await nydusify(['convert', 'a:1', 'b:1'], { env: { NYDUSIFY_CONCURRENCY: 'few' } });
  assert.match(variable.stderr, /^hint: --concurrency comes from \$NYDUSIFY_CONCURRENCY$/m);
  const absent = await nydusify(['convert', '--config', join(folder, 'none.toml'), 'a:1', 'b:1']);
  assert.deepEqual([absent.status, absent.stdout], [6, '']);
  assert.match(absent.stderr, /cannot read .*none\.toml: no such file/);
  const profile = await nydusify(['ls', '--profile', 'ci', 'a:1']);
  assert.equal(profile.status, 2);
  assert.match(profile.stderr, /there is no configuration file/);
});

test('every command prints each flag with its value and its origin, without running', async (t) => {
  const folder = await tempFolder(t);
  const config = await place(
    folder,
    'x.toml',
    'max-entries = 7\n[convert]\nplatform = ["linux/amd64", "linux/arm64"]\n[profile.ci]\nlimit-rate = "1MB/s"\n[registries."lan:5000"]\nplain-http = true\nca = "ca.pem"\n',
  );
  const env = { NYDUSIFY_CONFIG: config, NYDUSIFY_MAX_CONNECTIONS: '8', NYDUSIFY_PASSWORD: 'hunter2' };
  const args = ['--profile', 'ci', '--print-config', '--merge-platform'];
  const text = await nydusify(['convert', ...args], { env });
  assert.equal(text.status, 0, text.stderr);
  assert.match(text.stdout, new RegExp(`^nydusify convert: ${config}, profile ci\n`));
  for (const line of [
    /^platform +linux\/amd64,linux\/arm64 +.*x\.toml:3 \[convert\]$/m,
    /^limit-rate +1MB\/s +.*x\.toml:5 \[profile\.ci\]$/m,
    /^max-connections +8 +\$NYDUSIFY_MAX_CONNECTIONS$/m,
    /^merge-platform +true +command line$/m,
    /^index-marks +both +default$/m,
    /^source +- +not set$/m,
    new RegExp(`^registry lan:5000: plain-http, ca ${folder}/ca\\.pem$`, 'm'),
  ])
    assert.match(text.stdout, line);

  const json = await nydusify(['plan', ...args, '--json'], { env });
  const printed = JSON.parse(json.stdout) as Printed;
  assert.deepEqual(
    [printed.schemaVersion, printed.command, printed.file, printed.profile],
    [1, 'plan', config, 'ci'],
  );
  const find = (name: string): unknown => printed.flags.find((flag) => flag.name === name);
  assert.deepEqual(find('platform'), {
    name: 'platform',
    value: 'linux/amd64,linux/arm64',
    from: 'file',
    file: config,
    line: 3,
    table: 'convert',
  });
  assert.deepEqual(find('max-connections'), {
    name: 'max-connections',
    value: '8',
    from: 'variable',
    variable: 'NYDUSIFY_MAX_CONNECTIONS',
  });
  assert.deepEqual(find('source'), { name: 'source', value: null, from: 'not set' });

  const commands = ['plan', 'check', 'inspect', 'ls', 'cat', 'stat', 'tree', 'du', 'diff', 'login', 'logout'];
  const all = await Promise.all(commands.map((name) => nydusify([name, '--print-config'], { env })));
  for (const { status, stdout, stderr } of all) {
    assert.equal(status, 0, stderr);
    assert.doesNotMatch(stdout, /hunter2/);
  }
});

test('the file says of single registries what flags and hosts.toml say', async (t) => {
  if (!needs(t, 'docker-registry', 'openssl')) return;
  const running = await startSecureDockerRegistry(HTPASSWD);
  t.after(() => running[Symbol.asyncDispose]());
  const { host, folder } = running;
  const plain = await registry(t);
  const source = await plain.put('a:1', image);
  await copyFile(join(folder, 'cert.pem'), join(folder, 'ca.pem'));
  for (const settings of ['ca = "ca.pem"', 'insecure = true']) {
    const config = await place(
      folder,
      'nydusify.toml',
      `authfile = "${folder}/auth.json"\n[registries."${host}"]\n${settings}\n`,
    );
    const env = { NYDUSIFY_CONFIG: config };
    const login = await nydusify(['login', '-u', 'me', '--password-stdin', host], { env, input: PASSWORD });
    assert.equal(login.status, 0, login.stderr);
    const done = await nydusify(['convert', source, `${host}/a:1`], { env, cwd: folder });
    assert.equal(done.status, 0, done.stderr);
    const out = await nydusify(['logout', host], { env });
    assert.equal(out.stdout, `logged out of ${host}\n`);
    const without = await nydusify(['ls', `${host}/a:1`]);
    assert.equal(without.status, 3, without.stderr);
  }
});

test('mirrors of the file give layers, and the registry itself what a tag means', async (t) => {
  const [origin, mirror] = [await registry(t), await registry(t)];
  const source = await origin.put('a:1', image);
  await mirror.put('a:1', image);
  const folder = await tempFolder(t);
  const config = await place(
    folder,
    'nydusify.toml',
    `[registries."${origin.host}"]\nmirrors = ["http://${mirror.host}"]\n`,
  );
  const before = mirror.requests.length;
  const done = await nydusify(['cat', '--config', config, source, '/etc/motd']);
  assert.equal(done.stdout, 'hello', done.stderr);
  const asked = mirror.requests.slice(before).map(({ method, path }) => `${method} ${path}`);
  assert.ok(asked.some((line) => /GET .*\/blobs\/sha256/.test(line)));
  assert.ok(!asked.some((line) => /manifests\/1/.test(line)));
});

test('the example in the documentation is one that every command reads', async () => {
  const page = await readFile(join(projectRoot, 'docs', 'config.md'), 'utf8');
  const examples = [...page.matchAll(/^```toml\n(# nydusify\.toml[^]*?)^```/gm)].map(([, text = '']) => text);
  assert.equal(examples.length, 1);
  const outcome = await nydusify(['convert', '--config', '/dev/stdin', '--profile', 'ci', '--print-config'], {
    input: examples[0] ?? '',
  });
  assert.equal(outcome.status, 0, outcome.stderr);
});
