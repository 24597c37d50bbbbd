import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fc } from '../../support/properties.js';
import { FormatError } from '../../../src/errors.js';
import { follow } from '../../../src/look/lookup.js';
import { PathDecision } from '../../../src/look/path-decision.js';
import type { RawPath } from '../../../src/oci/raw-name.js';
import type { LayerTree } from '../../../src/merge/layer-tree.js';
import { overlay, overlaySteps } from '../../../src/merge/overlay.js';
import { atOnce } from '../../../src/turns.js';
import { directory, file, symlink, trees, type Unplaced } from '../../support/images/layer-entries.js';

interface Reading {
  /** Layers that were read until the decision fell. */
  readonly layers: number;
  /** Trees that were merged for it. */
  readonly merges: number;
}

/** Reads layers, the lowest first in `all`, from the top until the decision falls. */
function reading(all: readonly LayerTree[], path: string): Reading {
  const decision = new PathDecision(path as RawPath, { follow: true });
  let merges = 0;
  for (let count = 1; count <= all.length; count++) {
    const merged = (): ReturnType<typeof overlaySteps> => {
      merges += 1;
      return overlaySteps(all.slice(all.length - count));
    };
    const layer = all[all.length - count] ?? assert.fail();
    if (atOnce(decision.add(layer, merged))) return { layers: count, merges };
  }
  return { layers: all.length, merges };
}

const names = fc.constantFrom('a', 'b', 'c');
const paths = fc.array(names, { minLength: 1, maxLength: 3 }).map((parts) => parts.join('/'));
const places = fc.oneof(
  paths,
  fc.tuple(paths, names).map(([path, name]) => `${path}/.wh.${name}`),
  names.map((name) => `.wh.${name}`),
  paths.map((path) => `${path}/.wh..wh..opq`),
);
const member: fc.Arbitrary<Unplaced> = fc.oneof(
  { weight: 3, arbitrary: paths.map((path) => directory(path)) },
  { weight: 3, arbitrary: fc.tuple(places, fc.nat(9)).map(([path, size]) => file(path, size)) },
  fc.tuple(paths, fc.constantFrom('a', '/b', '../c', 'a/b')).map(([path, target]) => symlink(path, target)),
);

/** Undefined for layers that no tool unpacks. */
function treesOrNone(layers: readonly (readonly Unplaced[])[]): readonly LayerTree[] | undefined {
  try {
    return trees(...layers);
  } catch (error) {
    if (error instanceof FormatError) return undefined;
    throw error;
  }
}

test('the layers down to the decision lead to the same file as all layers', () => {
  fc.assert(
    fc.property(
      fc.array(fc.array(member, { maxLength: 6 }), { minLength: 1, maxLength: 5 }),
      paths,
      (layers, path) => {
        const all = treesOrNone(layers);
        fc.pre(all !== undefined);
        const { layers: read } = reading(all, path);
        const [some, whole] = [all.slice(all.length - read), all].map((list) =>
          follow(overlay(list), path as RawPath, { follow: true }),
        );
        assert.deepEqual(
          some && 'node' in some ? [some.path, some.node.inode] : some?.reason,
          whole && 'node' in whole ? [whole.path, whole.node.inode] : whole?.reason,
        );
      },
    ),
    { numRuns: 3000 },
  );
});

test('a file of the lowest of many layers takes few merges, even where the layers hold its folder', () => {
  const upper = Array.from({ length: 300 }, (_, i) => [directory('etc'), file(`etc/${i}`)]);
  const base = [directory('etc'), file('etc/motd', 6)];
  assert.deepEqual(reading(trees(base, ...upper), 'etc/motd'), { layers: 301, merges: 2 });
});

test('a file that an upper layer hides is not looked for in every layer that has it', () => {
  const lower = Array.from({ length: 300 }, (_, i) => [directory('etc'), file('etc/motd', i)]);
  const top = [directory('etc'), file('etc/.wh.motd')];
  assert.deepEqual(reading(trees(...lower, top), 'etc/motd'), { layers: 301, merges: 2 });
});
