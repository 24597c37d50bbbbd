/**
 * Bundles the program and the library into dist/bundle: one set of modules for all entry points, so that an error of the library is the
 * same class everywhere, and nothing to install beside them. Names and lines are kept, so that a stack trace says where it was.
 */
import { chmodSync, copyFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { type Plugin, type RolldownBuild, type RolldownOutput, rolldown } from 'rolldown';
import { projectRoot } from '../../test/support/project.js';

/** The entry points: those of package.json's `exports`, and the process of the command. */
const ENTRIES = {
  index: 'dist/src/index.js',
  registry: 'dist/src/registry/index.js',
  rafs: 'dist/src/rafs.js',
  testing: 'dist/src/testing.js',
  nydusify: 'bin/nydusify.js',
  'convert-worker': 'bin/convert-worker.js',
  acceld: 'bin/acceld.js',
  accelctl: 'bin/accelctl.js',
} as const;

/** Writes dist/bundle; returns the folders of the packages that are part of it. The same sources give the same files in any `root`. */
export async function writeBundle(root = projectRoot): Promise<readonly string[]> {
  const folder = join(root, 'dist', 'bundle');
  rmSync(folder, { recursive: true, force: true });
  const output = await bundled(root, (bundle) =>
    bundle.write({
      dir: folder,
      format: 'esm',
      entryFileNames: '[name].js',
      chunkFileNames: 'chunks/[name]-[hash].js',
      comments: false,
    }),
  );
  // The script of the shell starts the nydusify.js beside it.
  copyFileSync(join(root, 'bin', 'nydusify'), join(folder, 'nydusify'));
  for (const name of ['nydusify', 'nydusify.js', 'acceld.js', 'accelctl.js'])
    chmodSync(join(folder, name), 0o755);
  return packageFolders(output);
}

/** Returns the folders of the packages that are part of the bundle, and writes nothing. */
export async function bundledPackages(): Promise<readonly string[]> {
  return packageFolders(await bundled(projectRoot, (bundle) => bundle.generate({ format: 'esm' })));
}

/**
 * Fastify loads this package for a logger that writes nothing. It comes without the text of its licence, which would have to go along, so the
 * bundle has a logger of our own in its place.
 */
const SILENT_LOGGER: Plugin = {
  name: 'silent logger',
  resolveId: (name) => (name === 'abstract-logging' ? '\0silent-logger.cjs' : null),
  load: (id) =>
    id === '\0silent-logger.cjs'
      ? `const silent = () => {};
module.exports = { fatal: silent, error: silent, warn: silent, info: silent, debug: silent, trace: silent };`
      : null,
};

async function bundled(
  root: string,
  make: (bundle: RolldownBuild) => Promise<RolldownOutput>,
): Promise<RolldownOutput> {
  const bundle = await rolldown({
    // Names of chunks follow from paths below this folder, not from where the project lies.
    cwd: root,
    input: Object.fromEntries(Object.entries(ENTRIES).map(([name, path]) => [name, `./${path}`])),
    platform: 'node',
    // Those who use them install them beside this package.
    external: ['@aws-sdk/client-s3', 'libsql'],
    plugins: [SILENT_LOGGER],
    // The other form of jsonc-parser hides its imports from bundlers.
    resolve: { mainFields: ['module', 'main'] },
    onLog: (level, log) => {
      if (level === 'warn') throw new Error(`the bundle: ${log.message}`);
    },
  });
  try {
    return await make(bundle);
  } finally {
    await bundle.close();
  }
}

function packageFolders({ output }: RolldownOutput): readonly string[] {
  const modules = output.flatMap((chunk) => (chunk.type === 'chunk' ? chunk.moduleIds : []));
  return [...new Set(modules.flatMap(packageFolder))].sort();
}

/** The folder of the package that a module is part of; none for our own modules. */
function packageFolder(path: string): string[] {
  const found = /^.*\/node_modules\/(?:@[^/]+\/)?[^/]+/.exec(path)?.[0];
  return found === undefined ? [] : [found];
}
