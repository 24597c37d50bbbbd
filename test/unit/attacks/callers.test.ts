/**
 * Programs that use the library without care: with their buffers, their options, their signals, and the times at which they dispose of
 * things. Each run gives the right bytes or one error, and ends.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { convertImage } from '../../../src/convert/convert.js';
import { convertOptions } from '../../../src/convert/options.js';
import { InternalError, NydusError } from '../../../src/errors.js';
import { ContentParts } from '../../../src/io/parts.js';
import { type ByteRange, collect, contentOf, type ReplayableContent } from '../../../src/io/streams.js';
import { parseHostsToml } from '../../../src/registry/distribution/hosts-toml.js';
import { openSource, openTarget } from '../../../src/registry/open.js';
import { anonymous } from '../../../src/registry/auth/credentials.js';
import { noise, pushImage, readImage, sampleImage } from '../../support/images/opaque-image.js';
import { sourceImage } from '../../support/images/memory-conversion.js';
import { file, layer } from '../../support/images/tar.js';
import { MemoryStore } from '../../support/registries/memory-store.js';
import { scriptedRegistry } from '../../support/registries/scripted-registry.js';
import { tempFolder } from '../../support/temp-folder.js';

const BYTES = noise(3_000_000, 11);
/** More than a connection brings at once. */
const LARGE = noise(16_000_000, 12);

/** Bytes that a test may spoil. */
const spoilable = (): Buffer => Buffer.copyBytesFrom(BYTES);
const all = (content: ReplayableContent): Promise<Buffer> => collect(content.open(), BYTES.length, 'content');

/** What a careless reader does with a piece that it got. */
const MISUSES: Readonly<Record<string, (bytes: Uint8Array) => void>> = {
  changed: (bytes) => void bytes.fill(0),
  transferred: ({ buffer }) => {
    try {
      structuredClone(buffer, { transfer: [buffer as ArrayBuffer] });
    } catch (error) {
      assert.equal((error as Error).name, 'DataCloneError'); // memory that cannot be transferred
    }
  },
};

for (const [misuse, use] of Object.entries(MISUSES)) {
  test(`a careless caller: content whose pieces one reader has ${misuse}, read by another`, async () => {
    const content = contentOf(spoilable());
    for await (const bytes of content.open({ start: 0, end: 2_500_000 })) use(bytes);
    assert.ok((await all(content)).equals(BYTES));
  });

  test(`a careless caller: parts of content of which the first was ${misuse} before the second is read`, async () => {
    const source = contentOf(spoilable());
    const whole = { size: BYTES.length, open: (range?: ByteRange) => source.open(range) };
    const parts = new ContentParts(whole);
    for await (const bytes of parts.part({ start: 0, end: 1_000 }).open()) use(bytes);
    const second = await collect(parts.part({ start: 1_000, end: 2_000_000 }).open(), BYTES.length, 'part');
    assert.ok(second.equals(BYTES.subarray(1_000, 2_000_000)));
    await parts.close();
  });

  test(`a careless caller: a download whose pieces are ${misuse} while the rest comes`, async (t) => {
    const host = await scriptedRegistry(t, (request, response) => {
      if (request.url === '/v2/') response.end('{}');
      else response.writeHead(200, { 'content-length': LARGE.length }).end(LARGE);
    });
    await using source = openSource(`${host}/a:1`, { credentials: anonymous });
    const [part] = sampleImage([LARGE]).parts;
    assert.ok(part);
    const pieces: Buffer[] = [];
    for await (const bytes of source.fetch(part.descriptor)) {
      pieces.push(Buffer.copyBytesFrom(bytes));
      use(bytes);
    }
    assert.ok(Buffer.concat(pieces).equals(LARGE));
  });
}

test('a careless caller: options whose getters give another value each time', () => {
  let asked = 0;
  const options = convertOptions({
    get concurrency() {
      return ++asked === 1 ? 3 : 10_000;
    },
    get withReferrer() {
      return ++asked > 2;
    },
  });
  assert.equal(options.concurrency, 3);
  assert.equal(options.oci || !options.withReferrer, true, 'what refers is never of Docker');
});

test('a careless caller: options that are a proxy or frozen, and are changed during the run', async () => {
  const source = sourceImage([layer(file('a', 'a'))]);
  const given = { threads: 1, concurrency: 1, mergePlatform: true };
  const target = new MemoryStore('memory.test/target:1');
  const run = convertImage({ source, target }, new Proxy(given, {}));
  Object.assign(given, { threads: -1, concurrency: 0, mergePlatform: false });
  const { root } = await run;
  assert.match(root.mediaType, /index/);
});

test('a careless caller: a reporter that throws', async () => {
  const source = sourceImage([layer(file('a', 'a'))]);
  const target = new MemoryStore('memory.test/target:1');
  const emit = (): never => {
    throw new Error('of the caller');
  };
  await assert.rejects(
    convertImage({ source, target }, { threads: 1 }, { reporter: { emit } }),
    /of the caller/,
  );
  assert.equal(target.root, undefined);
});

test('a careless caller: a signal that fires without a reason, or within the reporter', async () => {
  const source = sourceImage([layer(file('a', 'a'))]);
  for (const reason of [undefined, null, 0, 'enough']) {
    const stop = new AbortController();
    const target = new MemoryStore('memory.test/target:1');
    const reporter = {
      emit: (): void => {
        stop.abort(reason);
      },
    };
    const outcome = await convertImage(
      { source, target },
      { threads: 1 },
      { reporter, signal: stop.signal },
    ).then(
      () => assert.fail('it went on'),
      (error: unknown) => error,
    );
    assert.equal(outcome, stop.signal.reason);
    assert.equal(target.root, undefined);
  }
});

test('a careless caller: a store that is disposed of twice, and while it is read', async (t) => {
  const folder = await tempFolder(t);
  const image = sampleImage([BYTES]);
  {
    await using target = openTarget(`oci-archive:${folder}/a.tar:1`, { credentials: anonymous });
    await pushImage(target, image);
  }
  for (const location of [`oci-archive:${folder}/a.tar:1`]) {
    const source = openSource(location, { credentials: anonymous });
    const reading = readImage(source).catch((error: unknown) => error);
    await Promise.all([source[Symbol.asyncDispose](), source[Symbol.asyncDispose]()]);
    const outcome = await reading;
    assert.ok(typeof outcome === 'number' || outcome instanceof NydusError, String(outcome));
    await source[Symbol.asyncDispose]();
  }
});

test('a careless caller: a target that is disposed of while it is pushed to', async (t) => {
  const image = sampleImage([BYTES]);
  const host = await scriptedRegistry(t, ({ method }, response) => {
    if (method === 'HEAD') response.writeHead(404).end();
    else response.writeHead(method === 'PUT' ? 201 : 202, { location: '/u' }).end();
  });
  const target = openTarget(`${host}/a:1`, {
    credentials: anonymous,
    retry: { attempts: 2, baseMs: 1, capMs: 1 },
  });
  const pushing = pushImage(target, image).catch((error: unknown) => error);
  await turn();
  await Promise.all([target[Symbol.asyncDispose](), target[Symbol.asyncDispose]()]);
  const outcome = await pushing;
  assert.ok(
    outcome === undefined || (outcome instanceof NydusError && !(outcome instanceof InternalError)),
    String(outcome),
  );
});

test('a careless caller: content that gives more, fewer or empty pieces than its size says', async (t) => {
  const folder = await tempFolder(t);
  const [part] = sampleImage([BYTES]).parts;
  assert.ok(part);
  const { descriptor } = part;
  const gives = (...pieces: readonly Uint8Array[]): ReplayableContent => ({
    size: descriptor.size,
    open: async function* () {
      yield* pieces;
    },
  });
  await using target = openTarget(`oci:${folder}:1`, { credentials: anonymous });
  for (const content of [
    gives(BYTES, BYTES),
    gives(BYTES.subarray(1)),
    gives(),
    gives(noise(BYTES.length, 12)),
  ])
    await assert.rejects(target.push(descriptor, content), NydusError);
  assert.equal(await target.exists(descriptor), false);
  const empty = new Uint8Array(0);
  assert.equal(await target.push(descriptor, gives(empty, BYTES, empty)), 'pushed');
});

test('a careless caller: settings with names of the members that every object has', () => {
  const text =
    '[host."https://a.test"]\ncapabilities = ["pull"]\n[host."https://a.test".header]\n__proto__ = "x"\nconstructor = "y"\n';
  try {
    parseHostsToml(text, '/hosts.toml', '/');
  } catch (error) {
    assert.ok(error instanceof NydusError, String(error));
  }
  assert.equal(Object.getPrototypeOf({}), Object.prototype);
  assert.deepEqual(Object.keys(Object.prototype), []);
});
