/** Mirrors of `hosts.toml` that give something else than they should: the next host is asked, and the result is the right one. */
import assert from 'node:assert/strict';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { convertImage } from '../../src/convert/convert.js';
import { type Fault, type FaultRule, faultScript } from '../../src/embedded-registry/faults.js';
import { ContentMismatchError } from '../../src/errors.js';
import { sha256 } from '../../src/oci/digest.js';
import { anonymous } from '../../src/registry/auth/credentials.js';
import { openSource, openTarget } from '../../src/registry/open.js';
import type { ConvertEvent } from '../../src/reporter.js';
import { buildImage } from '../support/images/image-builder.js';
import { noise, readAll } from '../support/images/opaque-image.js';
import { dir, file, layer } from '../support/images/tar.js';
import { tempFolder } from '../support/temp-folder.js';
import { nydusify, registry, type TestRegistry } from '../support/command.js';
import { parseLocation } from '../../src/registry/location.js';

/** The second layer is larger than what is held back until its digest is known. */
const layers = [
  layer(dir('etc'), file('etc/motd', 'hello')),
  layer(file('large', noise(9_000_000, 3))),
  layer(file('small', noise(30_000, 4))),
];
const image = buildImage({ layers });
const [small, large] = image.parts.filter(({ descriptor }) => descriptor.mediaType.includes('layer'));
assert.ok(small !== undefined && large !== undefined);

interface Lab {
  readonly origin: TestRegistry;
  readonly mirror: TestRegistry;
  readonly hosts: string;
  readonly from: string;
}

/** A registry, and a mirror for all that goes by digest, spoiled by `rules`. */
async function lab(t: TestContext, rules: readonly FaultRule[]): Promise<Lab> {
  const script = faultScript(rules);
  let isOpen = false;
  const origin = await registry(t);
  const mirror = await registry(t, {
    intercept: (request, response) => isOpen && script.intercept(request, response),
  });
  const from = await origin.put('a:1', image);
  await mirror.put('a:1', image);
  isOpen = true;
  const hosts = join(await tempFolder(t), 'hosts');
  await mkdir(join(hosts, origin.host), { recursive: true });
  const toml = `[host."http://${mirror.host}"]\n  capabilities = ["pull"]\n`;
  await writeFile(join(hosts, origin.host, 'hosts.toml'), toml);
  return { origin, mirror, hosts, from };
}

const always = (fault: Fault, path: RegExp): FaultRule => ({ fault, method: 'GET', path, times: Infinity });

/** Converts as the library does it, with short pauses; the digest of the result and what was warned of. */
async function convert({
  origin,
  hosts,
  from,
}: Lab): Promise<{ readonly digest: string; readonly warnings: readonly string[] }> {
  const warnings: string[] = [];
  const open = { credentials: anonymous, hostsDir: hosts, retry: { attempts: 4, baseMs: 1, capMs: 100 } };
  await using source = openSource(from, open);
  await using target = openTarget(`${origin.host}/a:nydus`, { credentials: anonymous });
  const { root } = await convertImage(
    { source, target },
    { sourceLocation: parseLocation('registry.example/a:1') },
    {
      reporter: {
        emit: (event) => {
          if (event.type === 'warning' && event.code === 'MIRROR') warnings.push(event.message);
        },
      },
    },
  );
  return { digest: root.digest, warnings };
}

test('a conversion goes round a mirror that gives wrong, cut or foreign content', async (t) => {
  const [ofSmall, ofLarge] = [small, large].map(({ descriptor }) => new RegExp(descriptor.digest));
  assert.ok(ofSmall !== undefined && ofLarge !== undefined);
  const rules: readonly (readonly [string, FaultRule])[] = [
    ['a small layer is another', always('wrong-digest', ofSmall)],
    ['a large layer is another', always('wrong-digest', ofLarge)],
    ['a large layer is too short', always('truncated', ofLarge)],
    ['a large layer is cut each time', always('half', ofLarge)],
    ['a page for every blob', always('html-200', /\/blobs\//)],
    ['a page for every manifest', always('html-200', /\/manifests\/sha/)],
    ['a manifest is another', always('wrong-digest', /\/manifests\/sha/)],
  ];
  const good = await convert(await lab(t, []));
  assert.deepEqual(good.warnings, []);
  for (const [name, rule] of rules) {
    const { digest, warnings } = await convert(await lab(t, [rule]));
    assert.equal(digest, good.digest, name);
    assert.equal(warnings.length, 1, name);
    assert.match(warnings[0] ?? '', /^mirror 127\.0\.0\.1:\d+ is left out from now on: /, name);
  }
});

test('a conversion that copies the source layers goes round such a mirror too, and reports it', async (t) => {
  const { origin, hosts, from } = await lab(t, [always('wrong-digest', /\/blobs\//)]);
  const target = `${origin.host}/b:nydus`;
  const run = await nydusify(['convert', '--merge-platform', '--hosts-dir', hosts, from, target]);
  assert.equal(run.status, 0, run.stderr);
  assert.match(run.stderr, /warning: mirror \S+ is left out from now on: .* has digest /);
  const check = await nydusify(['check', target, from]);
  assert.equal(check.status, 0, check.stderr);
});

test('content that is wrong at the mirror and at the registry is an error', async (t) => {
  const wrong = buildImage({ layers: [Buffer.from('no tar at all'.repeat(100))] });
  const { hosts, origin, mirror } = await lab(t, []);
  const from = await origin.put('b:1', wrong);
  await mirror.put('b:1', wrong);
  const { status, stderr } = await nydusify([
    'convert',
    '--hosts-dir',
    hosts,
    from,
    `${origin.host}/b:nydus`,
  ]);
  assert.equal(status, 5, stderr);
  assert.match(stderr, /is left out from now on/);
});

test('the library gives right bytes, or an error without any byte of small content', async (t) => {
  const rules = [small, large].map(({ descriptor }) => always('wrong-digest', new RegExp(descriptor.digest)));
  const { hosts, from } = await lab(t, rules);
  const events: ConvertEvent[] = [];
  const options = { credentials: anonymous, hostsDir: hosts };
  const reporter = { emit: (event: ConvertEvent) => void events.push(event) };
  await using first = openSource(from, options);
  let bytes = Buffer.alloc(0);
  for await (const piece of first.fetch(small.descriptor, { reporter }))
    bytes = Buffer.concat([bytes, piece]);
  assert.equal(sha256(bytes), small.descriptor.digest);
  assert.equal(events.filter((event) => event.type === 'warning' && event.code === 'MIRROR').length, 1);
  // Too large to be held back: the first reader learns it at the end, the second one gets it from elsewhere.
  await using second = openSource(from, options);
  await assert.rejects(readAll(second, large.descriptor), ContentMismatchError);
  assert.equal(sha256(await readAll(second, large.descriptor)), large.descriptor.digest);
});
