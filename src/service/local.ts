/** One conversion by a configuration, in this process, without server and queue. */
import { UsageError } from '../errors.js';
import { formatSelection } from '../oci/platform.js';
import { formatReference, parseReference } from '../oci/reference.js';
import type { OpenOptions } from '../registry/open.js';
import type { CallOptions } from '../reporter.js';
import type { ServiceConfig } from './config/config.js';
import { knownHost } from './config/hosts.js';
import { cacheOf, parsePushed } from './intake.js';
import { accessTo } from './jobs/access.js';
import { attemptConversion } from './jobs/attempt.js';
import { planTag, SKIP_REASONS } from './rules/plan.js';
import { openWorkDir } from './work-dir.js';

/** Returns what was done, as a sentence. Throws UsageError for an image that no rule converts, and what a conversion throws. */
export async function convertLocally(
  text: string,
  config: ServiceConfig,
  base: OpenOptions,
  call: CallOptions,
): Promise<string> {
  const { repository, tag, registry: given } = parsePushed(text);
  const registry = knownHost(config.hosts, given);
  if (registry === undefined) throw new UsageError(`${given} is not in provider.source`);
  if (tag === undefined) throw new UsageError(`${text} has no tag, from which the target's would follow`);
  const plan = planTag({ registry, repository, tag }, config.rules);
  if (plan.kind === 'skip') {
    if (plan.reason === 'no-rule') throw new UsageError(SKIP_REASONS[plan.reason]);
    return SKIP_REASONS[plan.reason];
  }
  const { rule, source, target } = plan;
  const { provider } = config.settings;
  const { dictionary } = rule.driver;
  const images = [source, target, ...(dictionary === undefined ? [] : [parseReference(dictionary)])];
  const access = accessTo(config.hosts, images);
  if (access === undefined)
    throw new UsageError(
      `not every one of ${images.map((image) => image.registry).join(', ')} is in provider.source`,
    );
  const answer = await attemptConversion(
    {
      kind: 'convert',
      source: formatReference(source),
      target: formatReference(target),
      cache: provider.cache_size === 0 ? '' : cacheOf(target, rule.cacheTag),
      cacheSize: provider.cache_size,
      cacheVersion: provider.cache_version,
      platforms: formatSelection(rule.platforms),
      driver: rule.driver.texts,
      workDir: openWorkDir(config.workDir).spool,
      force: false,
      access,
    },
    base,
    call,
  );
  return answer.kind === 'skipped' ? answer.reason : `converted to ${formatReference(target)}`;
}
