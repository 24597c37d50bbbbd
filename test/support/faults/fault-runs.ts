/** The runs of the fault laboratory: what each scenario starts from, and the call that it makes. */
import { convertImage } from '../../../src/convert/convert.js';
import { copyImage } from '../../../src/copy/copy.js';
import type { FormatOptions } from '../../../src/native/addon-types.js';
import { optimizeImage } from '../../../src/optimize/optimize.js';
import { type Location, parseLocation } from '../../../src/registry/location.js';
import type { ImageSource, ImageTarget } from '../../../src/registry/stores/store.js';
import type { CallOptions } from '../../../src/reporter.js';
import { reverseImage } from '../../../src/reverse/reverse.js';

/**
 * `usual`: three small layers, from one registry into another. `chunks`: the same with `--push-chunk-size`. `large`: one layer whose
 * blob is sent while it is made. `mount`: both repositories in one registry. `elsewhere`: the target opens its uploads at another origin.
 * `referrer`: an image that names its source as `subject`, in a registry that keeps no list of referrers by itself. `copy`: the source
 * copied as it is. `cached`: the usual layers, two of which a build cache beside the target has. `relink`, `rebuild`: a Nydus image of
 * them, beside its original, is converted back. `optimize`: files of that image get a blob of their own. `referring`: chunks stay in the
 * layers, which come along. `flatten`: layers of which nothing is stored that a later one hides. `join`: the target's tag holds the
 * original, and gets the Nydus image, too. A format: the usual layers in it.
 */
export type Scenario =
  | 'usual'
  | 'chunks'
  | 'large'
  | 'mount'
  | 'elsewhere'
  | 'referrer'
  | 'copy'
  | 'cached'
  | 'relink'
  | 'rebuild'
  | 'optimize'
  | 'referring'
  | 'flatten'
  | 'join'
  | FormatScenario;
export type FormatScenario = 'v5' | 'lz4' | 'batches';

/** Other formats than the usual one. */
const FORMATS: Readonly<Record<FormatScenario, Partial<FormatOptions>>> = {
  v5: { fsVersion: 5 },
  lz4: { compressor: 'lz4_block' },
  batches: { batchSize: 0x1_0000 },
};

export function isFormatScenario(scenario: Scenario): scenario is FormatScenario {
  return Object.hasOwn(FORMATS, scenario);
}

/** True for scenarios whose source is a Nydus image. */
export function isOfNydus(scenario: Scenario): boolean {
  return isBack(scenario) || scenario === 'optimize';
}

/** True for scenarios that convert back. */
function isBack(scenario: Scenario): scenario is 'relink' | 'rebuild' {
  return scenario === 'relink' || scenario === 'rebuild';
}

export interface ScenarioParts {
  readonly source: ImageSource;
  readonly target: ImageTarget;
  /** Of the build cache. */
  readonly store: ImageTarget | undefined;
  readonly workDir: string;
  readonly openOriginal: (location: Location) => ImageSource;
  readonly call: CallOptions;
}

/** The one call of a scenario. Throws what the call throws. */
export async function runScenario(
  scenario: Scenario,
  { source, target, store, workDir, openOriginal, call }: ScenarioParts,
): Promise<void> {
  const pair = { source, target };
  if (scenario === 'copy') {
    await copyImage(pair, {}, call);
  } else if (scenario === 'optimize') {
    const prefetch = ['/lib/two.so', '/bin/app'].map((path) => ({ path, kind: 'path' as const }));
    await optimizeImage(pair, { prefetch, workDir, threads: 1 }, call);
  } else if (isBack(scenario)) {
    await reverseImage(pair, { mode: scenario, threads: 1, openOriginal }, call);
  } else {
    await convertImage(
      { ...pair, cache: store === undefined ? undefined : { store } },
      {
        ...(isFormatScenario(scenario) ? FORMATS[scenario] : {}),
        ...(scenario === 'referring' ? { ociRef: 'zran' as const } : {}),
        ...(scenario === 'flatten' ? { flatten: 'layers' as const } : {}),
        // In a merged index the original would come along anyway.
        mergePlatform: scenario !== 'referrer' && scenario !== 'referring',
        mergeIntoTarget: scenario === 'join',
        withReferrer: scenario === 'referrer',
        workDir,
        sourceLocation: parseLocation('example.com/library/app:1'),
        threads: 1,
      },
      call,
    );
  }
}
