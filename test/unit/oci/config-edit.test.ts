import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fc } from '../../support/properties.js';
import {
  nydusConfig,
  nydusConfigSteps,
  prependEmptyLayerToConfig,
  removeEmptyLayerFromConfig,
} from '../../../src/oci/config-edit.js';
import { FormatError } from '../../../src/errors.js';
import { type DiffId, sha256 } from '../../../src/oci/digest.js';
import { atOnce } from '../../../src/turns.js';

const diffId = (text: string): DiffId => sha256(text) as string as DiffId; // any digest will do
const bytes = (text: string): Uint8Array => Buffer.from(text, 'utf8');
const text = (document: Uint8Array): string => Buffer.from(document).toString('utf8');
const [A, B, BOOT] = [diffId('a'), diffId('b'), diffId('boot')];

interface Config {
  readonly rootfs: { readonly diff_ids: readonly string[] };
  readonly history: readonly { readonly empty_layer?: boolean; readonly comment?: string }[];
}
const parsed = (document: Uint8Array): Config => JSON.parse(text(document)) as Config; // the test's own document

const layersInHistory = (config: Config): number =>
  config.history.filter((entry) => entry.empty_layer !== true).length;

test('unknown fields at every level and numbers that no double holds survive byte for byte', () => {
  const before =
    '{ "architecture":"amd64",\n  "big" : 12345678901234567890, "one": 1.0, "e": 1E+2,\n "config": {"Healthcheck":{"Test":["CMD","true"],"Interval":30000000000},"Shell":["/bin/sh"],"OnBuild":["RUN x"],"Ünïcode":"\\u00e9é"},';
  const middle = '"rootfs":{"x-first":[1.50],"type":"layers","diff_ids":';
  const after = ',"x-last":null},"docker_version":"20.10","history":';
  const source = `${before}${middle}["${A}"]${after}[{"created_by":"ADD","x":0.10}],"zz":[ ]}\n`;
  const result = text(nydusConfig(bytes(source), [B], BOOT, 'config'));
  assert.equal(
    result,
    `${before}${middle}["${B}","${BOOT}"]${after}[{"created_by":"ADD","x":0.10},{"created_by":"Nydus Converter","comment":"Nydus Bootstrap Layer"}],"zz":[ ]}\n`,
  );
});

test('blobs of a dictionary have diffIDs and entries in the history behind those of the layers', () => {
  const source = JSON.stringify({
    rootfs: { type: 'layers', diff_ids: [A] },
    history: [{ created_by: 'x' }],
  });
  const steps = nydusConfigSteps(bytes(source), [A, B, A], { bootstrap: BOOT, borrowed: 2 }, 'config');
  const { rootfs, history } = parsed(atOnce(steps));
  assert.deepEqual(rootfs.diff_ids, [A, B, A, BOOT]);
  assert.deepEqual(
    history.map(({ comment }) => comment),
    [undefined, 'Nydus Dictionary Blob', 'Nydus Dictionary Blob', 'Nydus Bootstrap Layer'],
  );
});

test('an indented config stays indented', () => {
  const source = JSON.stringify(
    { rootfs: { type: 'layers', diff_ids: [A, B] }, history: [{ created_by: 'x' }, {}] },
    null,
    2,
  );
  const result = text(nydusConfig(bytes(source), [A, B], BOOT, 'config'));
  assert.match(result, new RegExp(`\\n {6}"${B}",\\n {6}"${BOOT}"\\n {4}\\]`));
});

test('history has one entry for each layer, even when the source has fewer', () => {
  const histories: readonly (readonly object[] | undefined | null)[] = [
    undefined,
    null,
    [],
    [{ created_by: 'a' }],
    [{ created_by: 'a' }, { created_by: 'ENV', empty_layer: true }, { created_by: 'b', empty_layer: false }],
    [
      { created_by: 'a' },
      {},
      { created_by: 'c', empty_layer: false },
      { created_by: 'd' },
      { empty_layer: true },
    ],
  ];
  for (const history of histories) {
    for (const diffIds of [[], [A], [A, B]]) {
      const source = JSON.stringify({
        rootfs: { diff_ids: diffIds },
        ...(history === undefined ? {} : { history }),
      });
      const config = parsed(nydusConfig(bytes(source), diffIds, BOOT, 'config'));
      assert.equal(config.rootfs.diff_ids.length, diffIds.length + 1);
      assert.equal(layersInHistory(config), diffIds.length + 1, source);
      assert.equal(config.history.at(-1)?.comment, 'Nydus Bootstrap Layer');
    }
  }
});

test('the empty layer goes into any config and comes out again without a trace', () => {
  const history = fc.option(
    fc.array(fc.record({ created_by: fc.string(), empty_layer: fc.boolean() }), { maxLength: 3 }),
  );
  const space = fc.option(fc.constantFrom('\t', ' ', '  ', '   '));
  fc.assert(
    fc.property(
      fc.array(fc.constantFrom(A, B)),
      history,
      fc.dictionary(fc.string(), fc.jsonValue()),
      space,
      (ids, h, extra, indent) => {
        const rest = Object.fromEntries(
          Object.entries(extra).filter(([key]) => key !== 'history' && key !== 'rootfs'),
        );
        const source = bytes(
          JSON.stringify(
            { ...rest, rootfs: { diff_ids: ids, more: rest }, history: h, after: 1 },
            null,
            indent ?? '',
          ),
        );
        const derived = prependEmptyLayerToConfig(source, 'config');
        assert.equal(parsed(derived).rootfs.diff_ids.length, ids.length + 1);
        const [back] = removeEmptyLayerFromConfig(derived, 'config');
        assert.deepEqual(back === undefined ? undefined : text(back), text(source));
      },
    ),
  );
});

test('a config without the empty layer has nothing to be removed', () => {
  assert.deepEqual(removeEmptyLayerFromConfig(bytes(`{"rootfs":{"diff_ids":["${A}"]}}`), 'config'), []);
});

test('what is no image config is refused by name', () => {
  for (const bad of [
    '{}',
    '{"rootfs":{}}',
    '[]',
    '{"rootfs":{"diff_ids":[],}}',
    '{"a":1}x',
    '\ufeff{}',
    '',
  ]) {
    assert.throws(
      () => nydusConfig(bytes(bad), [], BOOT, 'config of app'),
      (error) => error instanceof FormatError && error.message.startsWith('config of app'),
      bad,
    );
  }
  assert.throws(
    () => nydusConfig(Buffer.from([0x7b, 0x22, 0xff, 0x22, 0x3a, 0x31, 0x7d]), [], BOOT, 'config'),
    FormatError,
  );
});
