/**
 * The pipelines that the project publishes, each as it stands but for the names of registries: they install the packed package by name and
 * version from a registry of npm, log in to docker-registry, convert an image for two platforms there, and check it.
 */
import assert from 'node:assert/strict';
import { chmod, copyFile, mkdir, mkdtemp, readFile, readdir } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, before, describe, test, type TestContext } from 'node:test';
import { packHere } from '../../tools/packages/pack-here.js';
import { ownManifest } from '../../tools/packages/manifest.js';
import { nydusify } from '../support/command.js';
import { buildImage, buildIndex, type BuiltImage, putImage } from '../support/images/image-builder.js';
import { dir, file, layer } from '../support/images/tar.js';
import { findCommand, needs } from '../support/needs.js';
import { pipelinePath, pipelineText } from '../support/pipelines/files.js';
import { readTask, runPipeline, runTask, type StepRun } from '../support/pipelines/tekton.js';
import { projectRoot } from '../support/project.js';
import { type NpmRegistry, startNpmRegistry } from '../support/registries/npm-registry.js';
import { type RealRegistry, startDockerRegistry } from '../support/registries/real-registries.js';
import { npmProgram } from '../support/references/package-tools.js';
import { goProgram, pathOrSkip } from '../support/references/tools.js';
import { type Ran, runTool, tryRun } from '../support/run-tool.js';
import { place, removeFolder, tempFolder } from '../support/temp-folder.js';
import { openTarget } from '../../src/registry/open.js';

const USER = 'ci';
const PASSWORD = 'p4ss:wörd';
const HTPASSWD = `${USER}:$2b$04$zJBfrRuBaaMk5wW6eb/M/.RHljAe0GJUiurQB8QVpPCxni221lZ4.\n`;
const BASIC = Buffer.from(`${USER}:${PASSWORD}`).toString('base64');

/** Two platforms, which share their lower layer. */
async function example(): Promise<BuiltImage> {
  const licence = await readFile(join(projectRoot, 'LICENSE'));
  const base = layer(dir('usr'), dir('usr/share'), file('usr/share/LICENSE', licence));
  const images = ['amd64', 'arm64'].map((architecture) => {
    const platform = { os: 'linux', architecture };
    const own = layer(dir('etc'), file('etc/motd', `hello ${architecture}\n`));
    return { image: buildImage({ layers: [base, own], platform }), fields: { platform } };
  });
  return buildIndex(images);
}

let folder = '';
let npm: NpmRegistry;
let images: RealRegistry | undefined;
/** What all pipelines have deployed, without its repository. */
const digests = new Set<string>();

before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'nydusify-test-'));
  npm = await startNpmRegistry(await packHere(folder));
  if (findCommand('docker-registry') === undefined) return;
  const users = await place(folder, 'htpasswd', HTPASSWD);
  images = await startDockerRegistry(`auth: { htpasswd: { realm: test, path: ${users} } }\n`);
  await using target = openTarget(`${images.host}/app:1.0`, {
    credentials: {
      get: () => Promise.resolve({ username: USER, password: PASSWORD }),
      description: 'the user of this test',
    },
  });
  await putImage(target, await example());
});

after(async () => {
  await npm[Symbol.asyncDispose]();
  await images?.[Symbol.asyncDispose]();
  await removeFolder(folder);
});

/** The registry of images; before that the test was found to have docker-registry. */
function host(): string {
  return images?.host ?? assert.fail('docker-registry runs');
}

/** The text of a file with the names of our registry in it, and a tag of its own as the target. */
function filledIn(text: string, name: string): string {
  return text.replaceAll('1.0-nydus', `1.0-${name}`).replaceAll('registry.example', host());
}

/** Runs a command that has nothing of this machine but its programs. */
function runBare(
  command: readonly string[],
  cwd: string,
  env: Readonly<Record<string, string>> = {},
): Promise<Ran> {
  const all = {
    PATH: process.env['PATH'] ?? '',
    HOME: join(cwd, 'home'),
    ...npmVariables(),
    ...env,
  };
  const variables = Object.entries(all).map(([key, value]) => `${key}=${value}`);
  return tryRun('env', ['-i', ...variables, ...command], { cwd });
}

/** Leads npm to the packed package. */
function npmVariables(): Readonly<Record<string, string>> {
  return { NPM_CONFIG_REGISTRY: npm.url, NPM_CONFIG_UPDATE_NOTIFIER: 'false' };
}

/** Both outputs as one text. */
function said({ stdout, stderr }: Ran): string {
  return `${stdout.toString('utf8')}\n${stderr}`;
}

/** Asserts that the registry holds `image` under the tag, as a merged index of both platforms; notes its digest. */
async function assertPushed(image: string | undefined, name: string): Promise<void> {
  assert.match(image ?? '', new RegExp(`^${host()}/app@sha256:[0-9a-f]{64}$`));
  const args = ['--tls-verify=false', '--creds', `${USER}:${PASSWORD}`];
  const raw = await runTool('skopeo', ['inspect', '--raw', ...args, `docker://${host()}/app:1.0-${name}`]);
  const { manifests } = JSON.parse(raw.toString('utf8')) as { readonly manifests: readonly unknown[] };
  assert.equal(manifests.length, 4, 'both images of both platforms');
  const byDigest = await runTool('skopeo', ['inspect', '--raw', ...args, `docker://${image ?? ''}`]);
  assert.deepEqual(byDigest, raw);
  digests.add(image?.split('@')[1] ?? '');
}

async function gitRepository(t: TestContext, files: Readonly<Record<string, string>>): Promise<string> {
  const repository = await tempFolder(t);
  for (const [path, text] of Object.entries(files))
    await place(join(repository, dirname(path)), path.slice(path.lastIndexOf('/') + 1), text);
  const git = (...args: readonly string[]): Promise<Buffer> => runTool('git', ['-C', repository, ...args]);
  await git('init', '-q', '-b', 'main');
  await git('remote', 'add', 'origin', 'https://gitlab.example/team/app.git');
  await git('add', '.');
  await git('-c', 'user.name=test', '-c', 'user.email=test@example.com', 'commit', '-q', '-m', 'test');
  return repository;
}

/** Runs a workflow as a runner does that has no containers; `home` is the only folder that it leaves something in. */
async function runWorkflow(t: TestContext, act: string, workflow: string): Promise<Ran> {
  const repository = await gitRepository(t, { '.github/workflows/nydus.yml': workflow });
  const action = await tempFolder(t);
  await copyFile(pipelinePath('action'), join(action, 'action.yml'));
  const env = Object.entries(npmVariables()).flatMap(([key, value]) => ['--env', `${key}=${value}`]);
  return runBare(
    [
      act,
      'push',
      ...['--platform', 'ubuntu-24.04=-self-hosted', '--no-cache-server', '--action-offline-mode'],
      ...['--local-repository', `OWNER/nydusify-ts@v${ownManifest().version}=${action}`],
      ...['--var', `REGISTRY_USER=${USER}`, '--secret', `REGISTRY_PASSWORD=${PASSWORD}`],
      ...env,
    ],
    repository,
  );
}

describe('pipelines', { concurrency: 2 }, () => {
  test('the workflow converts by the action, which hands on image, digest and verdict and adds to the summary', async (t) => {
    if (!needs(t, 'docker-registry', 'skopeo', 'git')) return;
    const act = pathOrSkip(t, await goProgram('act'));
    if (act === undefined) return;
    const ran = await runWorkflow(t, act, filledIn(await pipelineText('workflow'), 'github'));
    const log = said(ran);
    assert.equal(ran.status, 0, log);
    const [, image] = /\| deploy (\S+), which is good$/m.exec(log) ?? [];
    await assertPushed(image, 'github');
    assert.match(log, /Summary - ## Nydus image[^]*## ✅ good/);
    assert.doesNotMatch(log, new RegExp(PASSWORD));
  });

  test('the action says what is wrong as annotations, and takes its inputs for no commands', async (t) => {
    if (!needs(t, 'docker-registry', 'git')) return;
    const act = pathOrSkip(t, await goProgram('act'));
    if (act === undefined) return;
    const job = (name: string, inputs: string): string => `
  ${name}:
    runs-on: ubuntu-24.04
    steps:
      - id: nydus
        uses: OWNER/nydusify-ts@v${ownManifest().version}
        with: { ${inputs} }
      - if: always()
        env: { VERDICT: '\${{ steps.nydus.outputs.verdict }}' }
        run: echo "the verdict of ${name} is '$VERDICT'"
`;
    const workflow = `name: faults\non: push\njobs:${[
      job('absent', `source: '${host()}/none:1', target: '${host()}/none:2'`),
      job('unknown', `source: a, target: b, check: everything`),
      job('command', `source: '$(touch taken)"; touch taken #', target: 'b\`touch taken\`'`),
    ].join('')}`;
    const annotations = [
      /\[faults\/absent *\].*::error title=(?:AUTH|REGISTRY)::/,
      /::error title=USAGE::check is none, metadata, chunks or source/,
      /\[faults\/command *\].*::error title=\w+::/,
    ];
    let log = '';
    // act now and then loses the output of a step that ends within a few milliseconds.
    for (let tries = 0; tries < 4 && !annotations.every((pattern) => pattern.test(log)); tries++) {
      const ran = await runWorkflow(t, act, workflow);
      log = said(ran);
      assert.equal(ran.status, 1, log);
    }
    for (const pattern of annotations) assert.match(log, pattern);
    assert.equal([...log.matchAll(/\| the verdict of \w+ is ''$/gm)].length, 3);
    assert.match(log, /Summary - ## ❌ not converted/);
    const left = await runTool('find', [folder, '-name', 'taken']);
    assert.equal(left.toString('utf8'), '');
  });

  test('the component of GitLab hands on the image by variables, and leaves no login behind', async (t) => {
    if (!needs(t, 'docker-registry', 'skopeo', 'git', 'rsync')) return;
    const program = pathOrSkip(t, await npmProgram('gitlab-ci-local'));
    if (program === undefined) return;
    const version = `v${ownManifest().version}`;
    const fetched = `.gitlab-ci-local/includes/gitlab.example/GROUP/nydusify-ts/${version}/templates/nydusify.yml`;
    // There are no containers here: the jobs run in the repository.
    const withoutImages = (text: string): string => text.replaceAll(/^ +image: .*$/gm, '');
    const repository = await gitRepository(t, {
      '.gitlab-ci.yml': withoutImages(filledIn(await pipelineText('gitlab'), 'gitlab')),
      [fetched]: withoutImages(await pipelineText('component')),
    });
    const variables = {
      CI_REGISTRY: host(),
      CI_REGISTRY_USER: USER,
      CI_REGISTRY_PASSWORD: PASSWORD,
      ...npmVariables(),
    };
    const ran = await runBare(
      [
        process.execPath,
        program,
        ...['--no-color', '--ignore-predefined-vars', 'CI_REGISTRY'],
        ...Object.entries(variables).flatMap(([name, value]) => ['--variable', `${name}=${value}`]),
      ],
      repository,
      { GCL_JSON_SCHEMA_VALIDATION: 'true' },
    );
    const log = said(ran);
    assert.equal(ran.status, 0, log);
    const [, image] = /^deploy +> deploy (\S+)$/m.exec(log) ?? [];
    await assertPushed(image, 'gitlab');
    assert.match(log, /> good: \S+\/app@sha256:[0-9a-f]{64}: 0 errors, 0 warnings$/m);
    const kept = await readdir(join(repository, '.gitlab-ci-local', 'artifacts', 'nydusify'));
    assert.ok(kept.includes('nydusify.xml'), kept.join());
    const left = await tryRun('grep', ['-rl', BASIC, repository]);
    assert.equal(left.stdout.toString('utf8'), '');
  });

  test('the tasks of Tekton need no shell, and write results of which every byte counts', async (t) => {
    if (!needs(t, 'docker-registry', 'skopeo')) return;
    const own = await tempFolder(t);
    const secret = join(own, 'secret');
    await place(secret, 'config.json', JSON.stringify({ auths: { [host()]: { auth: BASIC } } }));
    const check = await readTask(pipelinePath('checkTask'));
    const tasks = [await readTask(pipelinePath('convertTask')), check];
    const start = async ({ args, env }: StepRun): Promise<void> => {
      const { status, stdout, stderr } = await nydusify(args, { cwd: own, env });
      if (status !== 0) throw new Error(`${stdout}${stderr}`);
    };
    const options = { folder: own, workspaces: new Map([['docker-config', secret]]), start };
    const given = new Map([
      ['source', `${host()}/app:1.0`],
      ['target', `${host()}/app:1.0-tekton`],
    ]);
    const results = await runPipeline(pipelinePath('pipeline'), tasks, given, options);
    await assertPushed(results.get('image')?.toString(), 'tekton');

    const wrong = new Map([['target', `${host()}/app:1.0`]]);
    await assert.rejects(runTask(check, wrong, options), /no Nydus image/);
    const withoutLogin = { ...options, workspaces: new Map<string, string>() };
    await assert.rejects(runTask(check, wrong, withoutLogin), /nydusify login/);
  });

  test('the Jenkinsfile logs in, converts and checks, and leaves no login behind', async (t) => {
    if (!needs(t, 'docker-registry', 'skopeo', 'java')) return;
    const program = pathOrSkip(t, await npmProgram('npm-groovy-lint'));
    if (program === undefined) return;
    const workspace = await tempFolder(t);
    const jars = join(dirname(dirname(program)), 'npm-groovy-lint', 'lib', 'java', 'groovy', 'lib', '*');
    const script = await place(workspace, 'Jenkinsfile', filledIn(await pipelineText('jenkins'), 'jenkins'));
    const ran = await runBare(
      [
        'java',
        ...['-XX:TieredStopAtLevel=1', '-cp', jars, 'groovy.ui.GroovyMain'],
        join(projectRoot, 'test', 'judges', 'jenkins', 'run.groovy'),
        script,
      ],
      workspace,
      { WORKSPACE: workspace, GIVEN_USER: USER, GIVEN_PASSWORD: PASSWORD, LC_ALL: 'C.UTF-8' },
    );
    const log = said(ran);
    assert.equal(ran.status, 0, log);
    await assertPushed(await readFile(join(workspace, 'image.txt'), 'utf8'), 'jenkins');
    assert.match(log, /^tests: nydusify\.xml$/m);
    assert.doesNotMatch(log, new RegExp(PASSWORD));
    const left = await tryRun('grep', ['-rl', BASIC, workspace]);
    assert.equal(left.stdout.toString('utf8'), '');
  });

  test('the script prints what to deploy and nothing else, and leaves nothing behind', async (t) => {
    if (!needs(t, 'docker-registry', 'skopeo')) return;
    const own = await tempFolder(t);
    const temporary = join(own, 'tmp');
    await mkdir(temporary);
    const script = await place(own, 'nydus.sh', await pipelineText('shell'));
    await chmod(script, 0o755);
    const env = { TMPDIR: temporary, REGISTRY: host(), REGISTRY_USER: USER, REGISTRY_PASSWORD: PASSWORD };
    const images = [`${host()}/app:1.0`, `${host()}/app:1.0-shell`] as const;
    const flags = ['--platform', 'all', '--compressor', 'zstd:9'];
    const ran = await runBare([script, ...images, ...flags], own, env);
    assert.equal(ran.status, 0, said(ran));
    await assertPushed(ran.stdout.toString('utf8').trimEnd(), 'shell');
    const failed = await runBare([script, `${host()}/none:1`, `${host()}/none:2`], own, env);
    assert.equal(failed.status, 3, said(failed));
    assert.equal(failed.stdout.toString('utf8'), '');
    // npm itself keeps its compiled modules there, where Node can (22.8).
    const left = (await readdir(temporary)).filter((name) => name !== 'node-compile-cache');
    assert.deepEqual(left, []);
  });
});

test('every pipeline has pushed the same image, installed by name and version', (t) => {
  if (!needs(t, 'docker-registry', 'skopeo')) return;
  assert.equal(digests.size, 1, [...digests].join());
  const { name, version } = ownManifest();
  assert.ok(npm.served.includes(`/${name}/-/${name}-${version}.tgz`));
});
