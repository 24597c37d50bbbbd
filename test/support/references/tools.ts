/**
 * Programs of others that judge our images: they are found on the machine, or built with Go at pinned versions into
 * `.cache/tools`, which git ignores. A missing tool is returned as the reason for which it is missing.
 */
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import type { TestContext } from 'node:test';
import { findCommand } from '../needs.js';
import { projectRoot } from '../project.js';
import { runTool } from '../run-tool.js';

export const toolFolder = join(projectRoot, '.cache', 'tools');

export type Tool =
  | { readonly path: string; readonly missing?: undefined }
  | { readonly path?: undefined; readonly missing: string };

/** The path, or undefined after the test was marked as skipped with the reason. */
export function pathOrSkip(t: TestContext, tool: Tool): string | undefined {
  if (tool.path === undefined) t.skip(tool.missing);
  return tool.path;
}

/** A command of the system; `packageName` is the Debian package that has it. */
export function systemTool(command: string, packageName: string): Tool {
  const path = findCommand(command);
  return path === undefined ? { missing: `needs ${command} (Debian package ${packageName})` } : { path };
}

/** Programs that no Debian package has, or not in this version, and versions known to build with the module proxy. */
const GO_PROGRAMS = {
  crane: 'github.com/google/go-containerregistry/cmd/crane@v0.22.1',
  regctl: 'github.com/regclient/regclient/cmd/regctl@v0.11.7',
  oras: 'oras.land/oras/cmd/oras@v1.3.6',
  /** distribution v3, the registry of today. */
  registry: 'github.com/distribution/distribution/v3/cmd/registry@v3.1.2',
  /** The OCI's own tests of a registry. It has no releases; this is the commit of 2026-08-31. */
  conformance: 'github.com/opencontainers/distribution-spec/conformance@v0.0.0-20260831232431-97274622c111',
  actionlint: 'github.com/rhysd/actionlint/cmd/actionlint@v1.7.12',
  /** Runs workflows and actions of GitHub, also without containers. */
  act: 'github.com/nektos/act@v0.2.89',
  /** A server of S3 over a folder. */
  versitygw: 'github.com/versity/versitygw/cmd/versitygw@v1.8.0',
} as const;

export type GoProgram = keyof typeof GO_PROGRAMS;
export type GoClient = Extract<GoProgram, 'crane' | 'regctl' | 'oras'>;

/** The version that is built when the program is not installed. */
function pinnedVersion(name: GoProgram): string {
  const source = GO_PROGRAMS[name];
  return source.slice(source.indexOf('@') + 1);
}

const building = new Map<string, Promise<Tool>>();

/** One build at a time for each tool of this process. */
export function once(name: string, build: () => Promise<Tool>): Promise<Tool> {
  const running = building.get(name) ?? build();
  building.set(name, running);
  return running;
}

function go(): Tool {
  const path = findCommand('go') ?? (existsSync('/usr/local/go/bin/go') ? '/usr/local/go/bin/go' : undefined);
  return path === undefined ? { missing: 'needs go 1.25 or newer' } : { path };
}

export function firstLine(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error);
  return text.replaceAll('\n', ' ').slice(0, 300);
}

/** Builds into a folder of its own first, so that an interrupted build leaves nothing that looks finished. */
async function buildInto(
  file: string,
  build: (compiler: string, folder: string) => Promise<string>,
): Promise<Tool> {
  if (existsSync(file)) return { path: file };
  const compiler = go();
  if (compiler.path === undefined) return compiler;
  const folder = join(toolFolder, `build-${process.pid}-${basename(file)}`);
  await mkdir(folder, { recursive: true });
  try {
    await rename(await build(compiler.path, folder), file);
    return { path: file };
  } catch (error) {
    return { missing: `needs a tool that does not build here: ${firstLine(error)}` };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** A registry client: from the path when it is there, else built once (10–30 s) and kept. */
export function goClient(name: GoClient): Promise<Tool> {
  const installed = findCommand(name);
  return installed === undefined ? goProgram(name) : Promise.resolve({ path: installed });
}

/** Built once at its pinned version (10–90 s) and kept. */
export function goProgram(name: GoProgram): Promise<Tool> {
  return once(name, async () =>
    buildInto(join(toolFolder, `${name}-${pinnedVersion(name)}`), async (compiler, folder) => {
      await runTool(compiler, ['install', GO_PROGRAMS[name]], { env: { GOBIN: folder } });
      return join(folder, name);
    }),
  );
}

/** `released`: the modules that nydus-snapshotter is released with; `next`: with containerd's newer platform matcher. */
export type SnapshotterBuild = 'released' | 'next';

/** nydus-snapshotter's detection and the choices of others as a command, built from `test/judges/snapshotter` whenever that changes. */
export function snapshotterTool(build: SnapshotterBuild = 'released'): Promise<Tool> {
  return once(`snapshotter-${build}`, async () => {
    const source = join(projectRoot, 'test', 'judges', 'snapshotter');
    const module = build === 'released' ? 'go' : 'next';
    const hash = createHash('sha256');
    for (const file of [`${module}.mod`, `${module}.sum`, 'main.go', 'choice.go'])
      hash.update(await readFile(join(source, file)));
    const name = `snapshotter-${hash.digest('hex').slice(0, 12)}`;
    return buildInto(join(toolFolder, name), async (compiler, folder) => {
      const built = join(folder, name);
      await runTool(compiler, ['build', `-modfile=${module}.mod`, '-o', built, '.'], { cwd: source });
      return built;
    });
  });
}

/** Upstream's own cache code as a command, built from `test/judges/buildcache` whenever that changes (three CPU minutes). */
export function buildCacheTool(): Promise<Tool> {
  return once('buildcache', async () => {
    const source = join(projectRoot, 'test', 'judges', 'buildcache');
    const hash = createHash('sha256');
    for (const file of ['go.mod', 'go.sum', 'main.go']) hash.update(await readFile(join(source, file)));
    const name = `buildcache-${hash.digest('hex').slice(0, 12)}`;
    return buildInto(join(toolFolder, name), async (compiler, folder) => {
      const built = join(folder, name);
      await runTool(compiler, ['build', '-o', built, '.'], { cwd: source });
      return built;
    });
  });
}

/** Upstream's acceleration service: its server, its client, and its templates of a configuration. */
export type AccelerationPart = 'acceld' | 'accelctl' | 'config.nydus.yaml' | 'config.nydus.ref.yaml';

/** Built from the modules that `test/judges/acceld` pins whenever these change (about a minute); a folder with every part. */
export function accelerationTools(): Promise<Tool> {
  return once('acceld', async () => {
    const source = join(projectRoot, 'test', 'judges', 'acceld');
    const hash = createHash('sha256');
    for (const file of ['go.mod', 'go.sum']) hash.update(await readFile(join(source, file)));
    const name = `acceleration-${hash.digest('hex').slice(0, 12)}`;
    return buildInto(join(toolFolder, name), async (compiler, folder) => {
      const module = 'github.com/goharbor/acceleration-service';
      const built = join(folder, 'parts');
      await mkdir(built);
      await runTool(
        compiler,
        ['build', '-o', `${built}/`, `${module}/cmd/acceld`, `${module}/cmd/accelctl`],
        { cwd: source },
      );
      const root = await runTool(compiler, ['list', '-m', '-f', '{{.Dir}}', module], { cwd: source });
      const templates = join(root.toString('utf8').trim(), 'misc', 'config');
      for (const file of ['config.nydus.yaml', 'config.nydus.ref.yaml'])
        await writeFile(join(built, file), await readFile(join(templates, file)));
      return built;
    });
  });
}
