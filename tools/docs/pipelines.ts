/** The version in the pipelines that the project publishes: they are copied to other places, so each names the version that it was tested with. */
import { readFileSync } from 'node:fs';
import { ownManifest } from '../packages/manifest.js';

/** Paths of all pipelines. */
export const PINNED_FILES = [
  'action.yml',
  'templates/nydusify.yml',
  'pipelines/github/nydus.yml',
  'pipelines/gitlab/.gitlab-ci.yml',
  'pipelines/jenkins/Jenkinsfile',
  'pipelines/shell/nydus.sh',
  'pipelines/tekton/nydusify-check.yaml',
  'pipelines/tekton/nydusify-convert.yaml',
  'pipelines/tekton/pipeline.yaml',
] as const;

const VERSION = String.raw`\d+\.\d+\.\d+(?:-[0-9A-Za-z.-]+)?`;

/** Names of this project before a version: the package, the tag of the action or component, the image, and Kubernetes' label. */
const PLACES = new RegExp(
  String.raw`(?<=nydusify-ts@|nydusify-ts@v|nydusify-ts/nydusify@v|nydusify-ts:|kubernetes\.io/version: '|in place of v)${VERSION}`,
  'g',
);

export function pinnedTo(text: string, version: string): string {
  return text.replace(PLACES, version);
}

/** Each file as it is, but for the version of package.json. */
export const PIPELINE_PAGES: Readonly<Record<string, () => string>> = Object.fromEntries(
  [...PINNED_FILES, 'docs/pipelines.md'].map((file) => [
    file,
    () => pinnedTo(readFileSync(file, 'utf8'), ownManifest().version),
  ]),
);
