/**
 * Puts the version of package.json wherever else it stands. `npm version X.Y.Z --no-git-tag-version` calls it. Plain JavaScript, since what
 * is compiled may be that of another version.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = process.argv[2] ?? dirname(dirname(dirname(fileURLToPath(import.meta.url))));
const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));

edit('src/convert/version.ts', /(VERSION = ')[^']*(')/);
edit('native/Cargo.toml', /(^\[workspace\.package\]\nversion = ")[^"]*(")/m);
// Our own crates have no source. Those that follow no release are at 0.0.0.
for (const lock of ['native/Cargo.lock', 'native/fuzz/Cargo.lock'])
  edit(lock, /(^name = "nydus-\w+"\nversion = ")(?!0\.0\.0")[^"]*("\n(?!source))/gm);

// What is copied to other places names the version that it was tested with: the package, the tag of the action or component, the image.
for (const name of [
  'action.yml',
  'templates/nydusify.yml',
  'pipelines/github/nydus.yml',
  'pipelines/gitlab/.gitlab-ci.yml',
  'pipelines/jenkins/Jenkinsfile',
  'pipelines/shell/nydus.sh',
  'pipelines/tekton/nydusify-check.yaml',
  'pipelines/tekton/nydusify-convert.yaml',
  'docs/pipelines.md',
])
  edit(name, /(nydusify-ts(?:@v?|:|\/nydusify@v)|kubernetes\.io\/version: '|in place of v)\d+\.\d+\.\d+()/g);

function edit(name, pattern) {
  const path = join(root, name);
  const text = readFileSync(path, 'utf8');
  if (text.search(pattern) < 0) throw new Error(`${name}: no version found`);
  writeFileSync(path, text.replace(pattern, `$1${version}$2`));
}
