/** Programs of others from npm's registry and from PyPI, at pinned versions in `.cache/tools`. None of their scripts runs at installation. */
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { findCommand } from '../needs.js';
import { firstLine, once, type Tool, toolFolder } from './tools.js';
import { runTool } from '../run-tool.js';

const NPM_PROGRAMS = {
  /** Runs the pipelines of GitLab, with its published schema. */
  'gitlab-ci-local': { name: 'gitlab-ci-local', version: '4.70.0', bin: 'gitlab-ci-local' },
  'tekton-lint': { name: '@ibm/tekton-lint', version: '1.1.0', bin: 'tekton-lint' },
  /** Brings Groovy and CodeNarc as jars. This is the last version that runs on Node 20. */
  'npm-groovy-lint': { name: 'npm-groovy-lint', version: '15.2.1', bin: 'npm-groovy-lint' },
} as const;

/** Has the schemas of SchemaStore for GitHub and GitLab. */
const CHECK_JSONSCHEMA = '0.37.0';

/** A program of a package of npm; `path` is its file in `node_modules/.bin`. */
export function npmProgram(program: keyof typeof NPM_PROGRAMS): Promise<Tool> {
  const { name, version, bin } = NPM_PROGRAMS[program];
  return installed(`${program}-${version}`, join('node_modules', '.bin', bin), (folder) => [
    'npm',
    ['install', '--prefix', folder, '--ignore-scripts', '--no-audit', '--no-fund', `${name}@${version}`],
  ]);
}

/** `path` is a folder for PYTHONPATH, from which `python3 -m check_jsonschema` runs. */
export function checkJsonSchema(): Promise<Tool> {
  const version = CHECK_JSONSCHEMA;
  return installed(`check-jsonschema-${version}`, '.', (folder) => [
    'python3',
    [
      ...['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', '--only-binary', ':all:'],
      ...['--target', folder, `check-jsonschema==${version}`],
    ],
  ]);
}

/** Installs into a folder of its own first, so that an interrupted installation leaves nothing that looks finished. */
function installed(
  name: string,
  file: string,
  commandFor: (folder: string) => readonly [string, readonly string[]],
): Promise<Tool> {
  return once(name, async () => {
    const place = join(toolFolder, name);
    if (existsSync(place)) return { path: join(place, file) };
    await mkdir(toolFolder, { recursive: true });
    const folder = await mkdtemp(join(toolFolder, 'install-'));
    const [command, args] = commandFor(folder);
    try {
      if (findCommand(command) === undefined) return { missing: `needs ${command}` };
      await runTool(command, args);
      // Another process may have been quicker.
      if (!existsSync(place)) await rename(folder, place);
      return { path: join(place, file) };
    } catch (error) {
      return { missing: `needs ${name}, which cannot be installed here: ${firstLine(error)}` };
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  });
}
