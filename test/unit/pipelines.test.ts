/** The pipelines that the project publishes, judged by linters and schemas of others; test/e2e/pipelines.test.ts runs them. */
import assert from 'node:assert/strict';
import { chmod, readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { test, type TestContext } from 'node:test';
import * as v from 'valibot';
import { parse, parseAllDocuments } from 'yaml';
import { ownManifest } from '../../tools/packages/manifest.js';
import { needs } from '../support/needs.js';
import { PIPELINE_FILES, pipelinePath, pipelineText } from '../support/pipelines/files.js';
import { projectRoot } from '../support/project.js';
import { checkJsonSchema, npmProgram } from '../support/references/package-tools.js';
import { goProgram, pathOrSkip } from '../support/references/tools.js';
import { tryRun } from '../support/run-tool.js';
import { place, tempFolder } from '../support/temp-folder.js';

/** Runs a judge, which must find nothing to say. */
async function judged(
  command: string,
  args: readonly string[],
  options: { readonly cwd?: string; readonly env?: Readonly<Record<string, string>> } = {},
): Promise<string> {
  const { status, stdout, stderr } = await tryRun(command, args, options);
  assert.equal(status, 0, `${stdout.toString('utf8')}${stderr}`);
  return stdout.toString('utf8');
}

test('action, workflow and component keep to the schemas that SchemaStore publishes', async (t) => {
  if (!needs(t, 'python3')) return;
  const modules = pathOrSkip(t, await checkJsonSchema());
  if (modules === undefined) return;
  const folder = await tempFolder(t);
  const judge = async (schema: string, ...files: readonly string[]): Promise<void> => {
    const args = ['-m', 'check_jsonschema', '--builtin-schema', `vendor.${schema}`, ...files];
    await judged('python3', args, { env: { PYTHONPATH: modules } });
  };
  // A component is two documents, the declaration of its inputs and the jobs, and both are parts of one schema.
  const documents = parseAllDocuments(await pipelineText('component'));
  assert.equal(documents.length, 2);
  const parts = await Promise.all(
    documents.map((document, i) => place(folder, `${i}.json`, JSON.stringify(document.toJS()))),
  );
  await Promise.all([
    judge('github-actions', pipelinePath('action')),
    judge('github-workflows', pipelinePath('workflow')),
    judge('gitlab-ci', pipelinePath('gitlab'), ...parts),
  ]);
});

test('actionlint finds nothing in the workflow, whose action is the one at the root', async (t) => {
  const actionlint = pathOrSkip(t, await goProgram('actionlint'));
  if (actionlint === undefined) return;
  // Inputs and outputs are compared with those of an action that lies in the repository.
  const folder = await tempFolder(t);
  await place(folder, 'action.yml', await pipelineText('action'));
  const workflow = (await pipelineText('workflow')).replace(/OWNER\/nydusify-ts@\S+/, './');
  await place(join(folder, '.git'), 'HEAD', '');
  await place(join(folder, '.github', 'workflows'), 'nydus.yml', workflow);
  await judged(actionlint, ['-color=false'], { cwd: folder });
  await place(join(folder, '.github', 'workflows'), 'nydus.yml', workflow.replace('target:', 'goal:'));
  const { stdout } = await tryRun(actionlint, ['-color=false'], { cwd: folder });
  assert.match(stdout.toString('utf8'), /input "goal" is not defined in action[^]*"target"/);
});

const ACTION = v.object({
  inputs: v.record(
    v.string(),
    v.object({ required: v.optional(v.boolean()), default: v.optional(v.string()) }),
  ),
  outputs: v.record(v.string(), v.object({ value: v.string() })),
  runs: v.object({
    using: v.literal('composite'),
    steps: v.array(v.object({ name: v.string(), shell: v.literal('bash'), run: v.string() })),
  }),
});

interface StepRun {
  readonly status: number | null;
  /** Arguments of the command, a line each. */
  readonly called: string;
  readonly summary: string;
}

/** Runs a step of the action as GitHub's runner does; `nydusify` is the script of a command in its place. */
async function runStep(
  t: TestContext,
  name: string,
  { nydusify, env }: { readonly nydusify: string; readonly env: Readonly<Record<string, string>> },
): Promise<StepRun> {
  const folder = await tempFolder(t);
  const [called, bin] = [join(folder, 'called'), join(folder, 'bin')];
  const command = await place(bin, 'nydusify', `#!/bin/sh\nprintf '%s\\n' "$@" > ${called}\n${nydusify}\n`);
  await chmod(command, 0o755);
  const summary = await place(folder, 'summary.md', '# Before\n');
  const { runs } = v.parse(ACTION, parse(await pipelineText('action')));
  const script = await place(folder, 'step.sh', runs.steps.find((step) => step.name === name)?.run ?? '');
  const path = `${bin}:${process.env['PATH'] ?? ''}`;
  const { status } = await tryRun('bash', ['--noprofile', '--norc', '-eo', 'pipefail', script], {
    env: { ...env, PATH: path, GITHUB_STEP_SUMMARY: summary },
  });
  return { status, called: await readFile(called, 'utf8'), summary: await readFile(summary, 'utf8') };
}

test('a step of the action passes on each input as one argument, and adds to the summary of the job', async (t) => {
  const env = { CONVERT_ARGS: '--compressor\n\nzstd:9\n', CONVERT_SOURCE: 'a b', CONVERT_TARGET: '-c' };
  const good = await runStep(t, 'Convert', { nydusify: 'echo registry.example/c@sha256:1', env });
  assert.equal(good.status, 0);
  assert.equal(good.called, 'convert\n--compressor\nzstd:9\n--\na b\n-c\n');
  assert.match(good.summary, /^# Before\n## Nydus image\n\n<code>registry\.example\/c@sha256:1<\/code>, /);
  const bad = await runStep(t, 'Convert', { nydusify: 'exit 4', env });
  assert.equal(bad.status, 4);
  assert.match(bad.summary, /^# Before\n## ❌ not converted\n/);
  const of = { CHECK: 'source', CHECK_IMAGE: 'c@1', CHECK_SOURCE: 'a b' };
  const checked = await runStep(t, 'Check', { nydusify: '', env: of });
  assert.match(checked.called, /^check\n--report\nmarkdown=\/.*\/summary\.md\n--\nc@1\na b\n$/);
  const metadata = { nydusify: 'test "$NYDUSIFY_BOOTSTRAP_ONLY" = true', env: { ...of, CHECK: 'metadata' } };
  const quick = await runStep(t, 'Check', metadata);
  assert.equal(quick.status, 0);
  assert.match(quick.called, /\n--\nc@1\n$/);
});

const JOB = v.object({ script: v.array(v.string()), after_script: v.array(v.string()) });

test('shellcheck finds nothing in the scripts of any pipeline', async (t) => {
  if (!needs(t, 'shellcheck')) return;
  const folder = await tempFolder(t);
  const action = v.parse(ACTION, parse(await pipelineText('action')));
  const [, jobs] = parseAllDocuments(await pipelineText('component'));
  const [job] = v.parse(v.array(JOB), Object.values(jobs?.toJS() as object));
  assert.ok(job !== undefined);
  const jenkins = await pipelineText('jenkins');
  const scripts = [
    ...action.runs.steps.map(({ run }) => `#!/bin/bash\nset -e -o pipefail\n${run}`),
    `#!/bin/sh\nset -e\n${[...job.script, ...job.after_script].join('\n')}\n`,
    // Three quotes span lines in Groovy, one does not.
    ...Array.from(
      jenkins.matchAll(/\bsh (?:'''([^]*?)'''|'([^'\n]*)')/g),
      ([, long, short]) => `#!/bin/sh\nset -xe\n${long ?? short ?? ''}\n`,
    ),
    await pipelineText('shell'),
  ];
  assert.ok(scripts.length >= 9, `${scripts.length} scripts`);
  const files = await Promise.all(scripts.map((text, i) => place(folder, `${i}.sh`, text)));
  await judged('shellcheck', files);
});

test('no input of a pipeline becomes text of a script', async () => {
  const action = v.parse(ACTION, parse(await pipelineText('action')));
  for (const { name, run } of action.runs.steps) assert.doesNotMatch(run, /\$\{\{/, name);
  const [, jobs] = parseAllDocuments(await pipelineText('component'));
  const [job] = v.parse(v.array(JOB), Object.values(jobs?.toJS() as object));
  for (const line of job?.script ?? []) assert.doesNotMatch(line, /\$\[\[/);
  // Groovy puts values into texts in double quotes alone.
  assert.doesNotMatch(await pipelineText('jenkins'), /\bsh (?:"|\()/);
});

test('the linter of Tekton finds nothing in tasks and pipeline', async (t) => {
  const linter = pathOrSkip(t, await npmProgram('tekton-lint'));
  if (linter === undefined) return;
  const files = (['convertTask', 'checkTask', 'pipeline'] as const).map(pipelinePath);
  const args = [linter, '--max-warnings', '0', ...files];
  await judged(process.execPath, args, { cwd: projectRoot });
});

test('CodeNarc finds nothing in the Jenkinsfile by its rules for Jenkins, security and unused code', async (t) => {
  if (!needs(t, 'java')) return;
  const program = pathOrSkip(t, await npmProgram('npm-groovy-lint'));
  if (program === undefined) return;
  const jars = join(dirname(dirname(program)), 'npm-groovy-lint', 'lib', 'java');
  const rules = ['basic', 'jenkins', 'security', 'unused', 'imports'].map((name) => `rulesets/${name}.xml`);
  const none = [1, 2, 3].map((priority) => `-maxPriority${priority}Violations=0`);
  const said = await judged('java', [
    ...['-XX:TieredStopAtLevel=1', '-cp', `${jars}/*:${jars}/groovy/lib/*`, 'org.codenarc.CodeNarc'],
    ...[`-basedir=${dirname(pipelinePath('jenkins'))}`, '-includes=Jenkinsfile', '-report=console'],
    ...[`-rulesetfiles=${rules.join()}`, ...none],
  ]);
  assert.match(said, /TotalFiles=1 FilesWithViolations=0/);
});

test('every pipeline names the version of this package, and of all else that it brings', async () => {
  const { version } = ownManifest();
  for (const name of Object.keys(PIPELINE_FILES) as (keyof typeof PIPELINE_FILES)[]) {
    const text = await pipelineText(name);
    const file = PIPELINE_FILES[name];
    for (const [, own = ''] of text.matchAll(/(?:nydusify(?:-ts)?(?:@v?|:)|\/version: ')([^\s']+)/g))
      assert.equal(own, version, file);
    for (const [, image = ''] of text.matchAll(/(?:image:?|default:) '?([\w.-]+(?:\/[\w.-]+)?:[\w.-]+)/g))
      assert.match(image, /:\d+\.\d+\.\d+(?:-\w+)?$/, file);
    assert.doesNotMatch(text, /:latest|@latest|@main/);
  }
});
