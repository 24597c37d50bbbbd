/** Conversions into files that the power may fail in: into layouts and archives, new ones and such as are there. */
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { convertImage } from '../../../src/convert/convert.js';
import { type PlatformSelection, allPlatforms } from '../../../src/oci/platform.js';
import { anonymous } from '../../../src/registry/auth/credentials.js';
import { openSource, openTarget } from '../../../src/registry/open.js';
import { buildImage, buildIndex, putImage } from '../images/image-builder.js';
import { noise } from '../images/opaque-image.js';
import { dir, file, layer, symlink } from '../images/tar.js';

export const open = { credentials: anonymous };

export interface Scenario {
  readonly name: string;
  /** The tag of the source image. */
  readonly source: 'one' | 'two';
  readonly mergePlatform: boolean;
  readonly place: 'layout' | 'archive';
  /**
   * `older`: the target's tag names another image, and a layout has one more tag. `cut`: a conversion that the power has cut is to
   * be resumed.
   */
  readonly before: 'nothing' | 'older' | 'cut';
}

export const SCENARIOS: readonly [Scenario, ...Scenario[]] = [
  { name: 'a layout', source: 'one', mergePlatform: false, place: 'layout', before: 'nothing' },
  {
    name: 'a layout, merged index of two platforms',
    source: 'two',
    mergePlatform: true,
    place: 'layout',
    before: 'nothing',
  },
  {
    name: 'the same layout, resumed after a cut',
    source: 'two',
    mergePlatform: true,
    place: 'layout',
    before: 'cut',
  },
  {
    name: 'a layout, in place of an older image and beside another tag',
    source: 'two',
    mergePlatform: false,
    place: 'layout',
    before: 'older',
  },
  {
    name: 'an archive, merged index of two platforms',
    source: 'two',
    mergePlatform: true,
    place: 'archive',
    before: 'nothing',
  },
  {
    name: 'an archive, in place of an older one',
    source: 'one',
    mergePlatform: false,
    place: 'archive',
    before: 'older',
  },
];

/** The tag that is set, and the one that a layout has besides. */
const TAG = '1';
export const OTHER_TAG = 'other';

/** The target of a scenario on a disk that is mounted at `folder`. */
export function targetOn({ place }: Scenario, folder: string, tag: string = TAG): string {
  return place === 'layout' ? `oci:${folder}/deep/layout:${tag}` : `oci-archive:${folder}/archive.tar:${tag}`;
}

/** Bytes of the largest layer of each image. */
const LARGE = 600_000;

/** Makes the layout of all sources. */
export async function putSources(layout: string): Promise<void> {
  const shared = layer(dir('bin'), file('bin/tool', noise(LARGE, 1)), symlink('sh', 'bin/tool'));
  const image = (architecture: string, seed: number): ReturnType<typeof buildImage> =>
    buildImage({
      layers: [shared, layer(file('own', noise(LARGE / 3, seed))), layer(file('text', `${seed}`.repeat(99)))],
      platform: { os: 'linux', architecture },
    });
  const amd64 = image('amd64', 2);
  const arm64 = image('arm64', 3);
  const entries = [amd64, arm64].map((each, i) => ({
    image: each,
    fields: { platform: { os: 'linux', architecture: i === 0 ? 'amd64' : 'arm64' } },
  }));
  const images = { one: amd64, two: buildIndex(entries), old: image('amd64', 4) };
  for (const [tag, each] of Object.entries(images)) {
    await using target = openTarget(`oci:${layout}:${tag}`, open);
    await putImage(target, each);
  }
}

/** Converts as the command does for a scenario; returns the digest of what the tag names. */
export async function convertHere(
  from: string,
  target: string,
  { mergePlatform }: Pick<Scenario, 'mergePlatform'>,
): Promise<string> {
  await using source = openSource(from, open);
  await using sink = openTarget(target, open);
  const platforms: PlatformSelection = allPlatforms;
  const images = { source, target: sink };
  return (await convertImage(images, { platforms, mergePlatform, workDir: tmpdir() })).root.digest;
}

/** The arguments of the command for a scenario. */
export function argumentsFor(scenario: Scenario, sources: string, folder: string): readonly string[] {
  return [
    'convert',
    ...(scenario.mergePlatform ? ['--merge-platform'] : []),
    ...['--all-platforms', '--progress', 'none'],
    sourceOf(scenario, sources),
    targetOn(scenario, folder),
  ];
}

export function sourceOf({ source }: Pick<Scenario, 'source'>, sources: string): string {
  return `oci:${join(sources)}:${source}`;
}
