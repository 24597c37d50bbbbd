/** Rules: which images are converted, and to where. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { formatReference, parseReference } from '../../../src/oci/reference.js';
import { readServiceConfig } from '../../../src/service/config/config.js';
import { globMatches } from '../../../src/service/rules/glob.js';
import { planTag } from '../../../src/service/rules/plan.js';
import type { RuleSet } from '../../../src/service/rules/rule.js';

function rulesOf(rules: string): RuleSet {
  return readServiceConfig(`converter: { rules: ${rules} }`, 'config', { HOME: '/h' }).rules;
}

/** The target of an image, or the reason why there is none. */
function planned(image: string, set: RuleSet): string {
  const { registry, repository, tag = 'latest' } = parseReference(image);
  const plan = planTag({ registry, repository, tag }, set);
  return plan.kind === 'skip' ? plan.reason : formatReference(plan.target);
}

test('a star stays within a part of a name, two stars do not, and neither takes long', () => {
  for (const [glob, text] of [
    ['*', 'app'],
    ['**', 'a/b/c'],
    ['team/**', 'team/a/b'],
    ['**/app', 'app'],
    ['a/**/z', 'a/b/c/z'],
    ['v*-rc*', 'v1.0-rc2'],
  ] as const)
    assert.ok(globMatches(glob, text), `${glob} ${text}`);
  for (const [glob, text] of [
    ['*', 'a/b'],
    ['team/*', 'team/a/b'],
    ['team/**', 'teams/a'],
    ['v*', 'w1'],
    ['v1.0', 'v1x0'],
  ] as const)
    assert.ok(!globMatches(glob, text), `${glob} ${text}`);
  const started = performance.now();
  assert.ok(!globMatches(`${'*a'.repeat(60)}b`, 'a'.repeat(5000)));
  assert.ok(!globMatches(`${'**/a/'.repeat(60)}b`, `${'a/'.repeat(500)}c`));
  assert.ok(performance.now() - started < 1000);
});

test("upstream's items: the first suffix makes the target, the first cache tag the cache", () => {
  const set = rulesOf('[{ tag_suffix: -nydus }, { cache_tag: cache }, { tag_suffix: -other }]');
  assert.equal(planned('r.example/a/b:1', set), 'r.example/a/b:1-nydus');
  const plan = planTag({ registry: 'r.example', repository: 'a', tag: '1' }, set);
  assert.equal(plan.kind === 'convert' && plan.cache?.tag, 'cache');
});

test('nothing of ours is converted again', () => {
  const set = rulesOf('[{ tag_suffix: -nydus }, { tag_suffix: -two }, { cache_tag: cache }]');
  assert.equal(planned('r.example/a:1-nydus', set), 'converted');
  assert.equal(planned('r.example/a:1-two', set), 'converted', 'the suffix of any rule');
  assert.equal(planned('r.example/a:cache', set), 'cache-tag');
  for (const end of ['', '.sig', '.att', '.sbom'])
    assert.equal(planned(`r.example/a:sha256-${'0'.repeat(64)}${end}`, set), 'referrers');
});

test("a named rule sends the result elsewhere; the first that matches decides, and upstream's come last", () => {
  const set = rulesOf(`[
    { tag_suffix: -nydus },
    { name: proxied, match: { host: r.example, repository: "proxy/**", except: ["*-debug"] },
      target: { repository: "accel/{namespace}/{name}", tag: "{tag}" }, cache_tag: c, priority: 7 },
    { name: other, match: { repository: "move/*" }, target: { host: s.example, tag: "{tag}-n" } }]`);
  assert.equal(planned('r.example/proxy/lib/app:1', set), 'r.example/accel/proxy/lib/app:1');
  assert.equal(planned('r.example/proxy/lib/app:1-debug', set), 'r.example/proxy/lib/app:1-debug-nydus');
  assert.equal(planned('t.example/move/app:1', set), 's.example/move/app:1-n');
  assert.equal(planned('t.example/x:1', set), 't.example/x:1-nydus');
});

test('an image that rules leave alone is excluded, and one that none knows has no rule', () => {
  const set = rulesOf('[{ name: a, match: { repository: "a/*", except: ["dev*"] }, tag_suffix: -n }]');
  assert.equal(planned('r.example/a/b:dev1', set), 'excluded');
  assert.equal(planned('r.example/c:1', set), 'no-rule');
});

test('a rule whose result has no valid name says so', () => {
  const set = rulesOf('[{ tag_suffix: -nydus }]');
  assert.throws(() => planned(`r.example/a:${'t'.repeat(125)}`, set), /makes no valid name/);
});

test('the same tag may be the target of a merged index', () => {
  const set = rulesOf('[{ name: a, replace: true, driver: { config: { merge_manifest: true } } }]');
  assert.equal(planned('r.example/a:1', set), 'r.example/a:1');
});
