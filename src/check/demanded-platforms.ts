/** The platforms that the caller asked for, and that the target lacks. */
import { formatPlatform, formatSelection, type PlatformSelection } from '../oci/platform.js';
import type { CheckRun } from './run.js';
import type { ReferenceSubject } from './subject.js';

export function demandPlatforms(
  { images, index, findings, strangers }: ReferenceSubject,
  platforms: PlatformSelection,
  run: CheckRun,
): void {
  if (images.length === 0 && strangers.length > 0) {
    for (const message of strangers) run.report('IMAGE-NOT-NYDUS', {}, { message });
    return;
  }
  if (images.length === 0 && findings.length === 0) {
    const message = 'none of the platforms asked for is there';
    run.report('IMAGE-NO-PLATFORM', {}, { message, expected: formatSelection(platforms) });
    return;
  }
  const single = index === undefined && platforms.kind === 'list' && platforms.platforms.length === 1;
  if (platforms.kind === 'all' || images.length === 0 || single) return;
  const there = new Set(images.map(({ platformName }) => platformName));
  const blamed = new Set(findings.map(({ where }) => where.platform));
  for (const wanted of platforms.platforms) {
    const name = formatPlatform(wanted);
    if (there.has(name)) continue;
    const message = `there is no image for ${name}`;
    if (run.options.allowMissingPlatforms === true) {
      run.call.reporter?.emit({ type: 'warning', code: 'PLATFORM_MISSING', message });
    } else if (!blamed.has(name)) {
      const remedy = { kind: 'allow-missing-platforms' } as const;
      run.report('IMAGE-NO-PLATFORM', { platform: name }, { message, remedy });
    }
  }
}
