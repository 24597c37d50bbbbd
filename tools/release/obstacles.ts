/** Why a version cannot be released from a working tree. */
import { sectionsOf } from './changelog.js';

export interface TreeFacts {
  readonly packageVersion: string;
  readonly changelog: string;
  /** Paths of files that differ from the commit, or that git does not know. */
  readonly changed: readonly string[];
  /** Tags but those of this commit. */
  readonly tags: readonly string[];
}

const VERSION = /^(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)$/;

/** One sentence for each obstacle. */
export function obstacles(version: string, facts: TreeFacts): readonly string[] {
  if (!VERSION.test(version)) return [`"${version}" is no version: X.Y.Z is wanted`];
  const { packageVersion, changelog, changed, tags } = facts;
  const sections = sectionsOf(changelog);
  const own = sections.find((section) => section.version === version);
  const unreleased = sections.find((section) => section.version === 'Unreleased')?.text ?? '';
  const earlier = [
    ...sections.map((section) => section.version),
    ...tags.map((tag) => tag.replace(/^v/, '')),
  ].filter((one) => VERSION.test(one));
  const released = earlier.filter((one) => one !== version || tags.includes(`v${one}`));
  return [
    ...(changed.length === 0 ? [] : [`the tree has changes that no commit has: ${changed.join(', ')}`]),
    ...(packageVersion === version
      ? []
      : [`package.json is at ${packageVersion}: npm version ${version} --no-git-tag-version`]),
    ...(own === undefined || own.text === '' ? [`CHANGELOG.md says nothing about ${version}`] : []),
    ...(unreleased === ''
      ? []
      : [`CHANGELOG.md has changes under Unreleased, which this commit would release as ${version}`]),
    ...released
      .filter((one) => compareVersions(one, version) >= 0)
      .slice(0, 1)
      .map((one) => `${version} is not greater than ${one}, which the changelog or a tag has`),
  ];
}

function compareVersions(a: string, b: string): number {
  const [left, right] = [a, b].map((text) => text.split('.').map(Number)) as [number[], number[]]; // two texts
  return left.map((number, i) => number - (right[i] ?? 0)).find((difference) => difference !== 0) ?? 0;
}
