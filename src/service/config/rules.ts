/** Makes rules of the configuration's items: named ones first, then upstream's two kinds of items. */
import { NydusError } from '../../errors.js';
import { allPlatforms, parsePlatforms, type PlatformSelection } from '../../oci/platform.js';
import { formatReference, isTag, type Reference } from '../../oci/reference.js';
import { targetOf, TEMPLATE_WORDS } from '../rules/plan.js';
import type { Rule, RuleSet } from '../rules/rule.js';
import { driverSettings, type DriverFindings } from './driver.js';
import type { RuleSettings, Settings } from './settings.js';

const ANY = { host: '**', repository: '**', tag: '*', except: [] } as const;
/** An image to try templates with; each of its words occurs in no other. */
const EXAMPLE: Reference = { registry: 'registry.example', repository: 'group/app', tag: 'v1' };

/** Upstream's items have a suffix or a cache tag alone; one that says more is a rule of its own. */
function isNamed({ name, match, target, replace, platforms, driver }: RuleSettings): boolean {
  const hasOwn = name !== '' || platforms !== '' || driver.config.size > 0;
  return hasOwn || match !== undefined || target !== undefined || replace;
}

export function readRules({ converter }: Settings, findings: DriverFindings): RuleSet {
  const items = converter.rules;
  const rules: Rule[] = [];
  const platforms = platformsOf(converter.platforms, 'converter.platforms', findings) ?? allPlatforms;
  for (const [index, item] of items.entries()) {
    const key = `converter.rules[${index}]`;
    if (item.cache_tag !== '' && !isTag(item.cache_tag))
      findings.faults.push(`${key}.cache_tag "${item.cache_tag}" is not a tag`);
    if (!isNamed(item)) continue;
    const rule: Rule = {
      name: item.name === '' ? `rule ${index + 1}` : item.name,
      match: item.match ?? ANY,
      target: {
        host: item.target?.host ?? '{host}',
        repository: item.target?.repository ?? '{repository}',
        tag: `${item.target?.tag ?? '{tag}'}${item.tag_suffix}`,
      },
      cacheTag: item.cache_tag,
      replace: item.replace,
      platforms: platformsOf(item.platforms, `${key}.platforms`, findings) ?? platforms,
      driver: driverSettings(
        new Map([...converter.driver.config, ...item.driver.config]),
        `${key}.driver.config`,
        findings,
      ),
      priority: item.priority,
    };
    checkTarget(rule, key, findings);
    rules.push(rule);
  }
  const upstream = upstreamRule(
    items,
    platforms,
    driverSettings(converter.driver.config, 'converter.driver.config', findings),
  );
  if (upstream !== undefined) {
    checkTarget(upstream, 'converter.rules', findings);
    rules.push(upstream);
  }
  const names = rules.map(({ name }) => name);
  for (const name of new Set(names.filter((one, index) => names.indexOf(one) !== index)))
    findings.faults.push(`converter.rules: two rules have the name ${name}`);
  if (rules.length === 0)
    findings.warnings.push('converter.rules makes no target of any image: nothing will be converted');
  return {
    rules,
    suffixes: items.map(({ tag_suffix }) => tag_suffix).filter((suffix) => suffix !== ''),
    cacheTags: new Set(items.map(({ cache_tag }) => cache_tag).filter((tag) => tag !== '')),
  };
}

/** Upstream takes the first suffix and the first cache tag of all items. */
function upstreamRule(
  all: readonly RuleSettings[],
  platforms: PlatformSelection,
  driver: Rule['driver'],
): Rule | undefined {
  const items = all.filter((item) => !isNamed(item));
  const suffix = items.find(({ tag_suffix }) => tag_suffix !== '')?.tag_suffix;
  if (suffix === undefined) return undefined;
  return {
    name: 'suffix',
    match: ANY,
    target: { host: '{host}', repository: '{repository}', tag: `{tag}${suffix}` },
    cacheTag: items.find(({ cache_tag }) => cache_tag !== '')?.cache_tag ?? '',
    replace: false,
    platforms,
    driver,
    priority: 5,
  };
}

function checkTarget(rule: Rule, key: string, { faults }: DriverFindings): void {
  const texts = Object.values(rule.target).join(' ');
  for (const [, word = ''] of texts.matchAll(/\{([^}]*)\}/g)) {
    if (!(TEMPLATE_WORDS as readonly string[]).includes(word))
      faults.push(
        `${key}: {${word}} is not known; known are ${TEMPLATE_WORDS.map((one) => `{${one}}`).join(' ')}`,
      );
  }
  try {
    const isOwn = formatReference(targetOf(rule, EXAMPLE)) === formatReference(EXAMPLE);
    if (isOwn && !rule.replace)
      faults.push(
        `${key}: the result would replace its source; replace: true with merge_manifest allows that`,
      );
    if (rule.replace && rule.driver.options.mergePlatform !== true)
      faults.push(`${key}: replace: true needs merge_manifest, so that the original stays under the tag`);
  } catch (error) {
    if (!(error instanceof NydusError)) throw error;
    faults.push(`${key}: ${error.message}`);
  }
}

function platformsOf(text: string, key: string, { faults }: DriverFindings): PlatformSelection | undefined {
  if (text.trim() === '') return undefined;
  try {
    return parsePlatforms(text);
  } catch (error) {
    if (!(error instanceof NydusError)) throw error;
    faults.push(`${key}: ${error.message}`);
    return undefined;
  }
}
