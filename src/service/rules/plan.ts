/** From an image that was pushed to the conversion that follows, or the reason why none does. Asks no registry. */
import { InvalidReferenceError } from '../../errors.js';
import { formatReference, parseReference, type Reference } from '../../oci/reference.js';
import { globMatches } from './glob.js';
import type { Rule, RuleSet } from './rule.js';

/** A closed list, since metrics count by it. */
export const SKIP_REASONS = {
  converted: 'already converted: the tag ends as results do',
  'cache-tag': 'the tag is that of a build cache',
  referrers: 'the tag belongs to a list of referrers or a signature',
  excluded: 'excluded by a rule',
  'no-rule': 'create target reference by rule: not found matched conversion rule',
  'own-target': 'the result would be the image itself',
} as const;

export type SkipReason = keyof typeof SKIP_REASONS;

export interface Conversion {
  readonly kind: 'convert';
  readonly rule: Rule;
  readonly source: Reference;
  readonly target: Reference;
  readonly cache: Reference | undefined;
}

export type Plan = Conversion | { readonly kind: 'skip'; readonly reason: SkipReason };

/** Tags under which clients and signers keep referrers. */
const REFERRERS_TAG = /^sha256-[0-9a-f]{64}(?:\.(?:sig|att|sbom))?$/;

/** What a person has chosen in place of what the rules say. */
export interface Choice {
  /** Used although it may not match the image. */
  readonly rule?: Rule | undefined;
  /** In place of the one that the rule makes. */
  readonly target?: Reference | undefined;
}

/** Plans the conversion of a tag. Throws InvalidReferenceError for a rule whose result has no valid name. */
export function planTag(
  image: Reference & { readonly tag: string },
  set: RuleSet,
  choice: Choice = {},
): Plan {
  const { tag } = image;
  if (set.suffixes.some((suffix) => tag.endsWith(suffix))) return skip('converted');
  if (set.cacheTags.has(tag)) return skip('cache-tag');
  if (REFERRERS_TAG.test(tag)) return skip('referrers');
  const rule = choice.rule ?? matching(image, set);
  if (typeof rule === 'string') return skip(rule);
  const source: Reference = { registry: image.registry, repository: image.repository, tag };
  const target = choice.target ?? targetOf(rule, source);
  if (!rule.replace && formatReference(target) === formatReference(source)) return skip('own-target');
  const cache =
    rule.cacheTag === ''
      ? undefined
      : { registry: target.registry, repository: target.repository, tag: rule.cacheTag };
  return { kind: 'convert', rule, source, target, cache };
}

/** The first rule that matches, or why none does. */
function matching(
  image: Reference & { readonly tag: string },
  { rules }: RuleSet,
): Rule | 'excluded' | 'no-rule' {
  let isExcluded = false;
  for (const rule of rules) {
    const { host, repository, tag, except } = rule.match;
    if (!globMatches(host, image.registry) || !globMatches(repository, image.repository)) continue;
    if (!globMatches(tag, image.tag)) continue;
    if (!except.some((glob) => globMatches(glob, image.tag))) return rule;
    isExcluded = true;
  }
  return isExcluded ? 'excluded' : 'no-rule';
}

function skip(reason: SkipReason): Plan {
  return { kind: 'skip', reason };
}

/** Throws InvalidReferenceError. */
export function targetOf({ name, target }: Pick<Rule, 'name' | 'target'>, source: Reference): Reference {
  const fill = (template: string): string => fillTemplate(template, source);
  const text = `${fill(target.host)}/${fill(target.repository)}:${fill(target.tag)}`;
  try {
    return parseReference(text);
  } catch (cause) {
    throw new InvalidReferenceError(
      `rule ${name} makes no valid name of ${formatReference(source)}: ${text}`,
      {
        cause,
      },
    );
  }
}

export const TEMPLATE_WORDS = ['host', 'repository', 'namespace', 'name', 'tag'] as const;

function fillTemplate(template: string, { registry, repository, tag = '' }: Reference): string {
  const slash = repository.lastIndexOf('/');
  const words: Readonly<Record<(typeof TEMPLATE_WORDS)[number], string>> = {
    host: registry,
    repository,
    namespace: slash < 0 ? '' : repository.slice(0, slash),
    name: repository.slice(slash + 1),
    tag,
  };
  return TEMPLATE_WORDS.reduce((text, word) => text.replaceAll(`{${word}}`, () => words[word]), template);
}
