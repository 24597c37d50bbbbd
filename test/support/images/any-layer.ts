/** Layers of whatever entries, for properties: parents that are missing, links, devices or files, in any order and over each other. */
import { fc } from '../properties.js';
import {
  block,
  char,
  dir,
  fifo,
  file,
  hardlink,
  layer,
  opaque,
  symlink,
  type TarFields,
  type TarItem,
  whiteout,
} from './tar.js';

/** Few names, so that paths meet; some sort around the dots, one is long, one is no text. */
const name = fc.oneof(
  { weight: 6, arbitrary: fc.constantFrom('a', 'b', 'c', 'd') },
  { weight: 1, arbitrary: fc.constantFrom('+', '.-', '...', 'x'.repeat(255), '\xff\\', 'é', 'e\u202e') },
);
const path = fc.array(name, { minLength: 1, maxLength: 4 }).map((names) => names.join('/'));
const target = fc.oneof(
  path,
  path.map((text) => `/${text}`),
  path.map((text) => `../${text}`),
  fc.constantFrom('.', '..', '/', 'a/../b', 'b//./c', 't'.repeat(4090)),
);
const fields: fc.Arbitrary<TarFields> = fc.record({
  mode: fc.integer({ min: 0, max: 0o7777 }),
  uid: fc.constantFrom(0, 1000, 0xffff_ffff),
  mtime: fc.constantFrom(0, 1_700_000_000, -1.5, 1.25),
  xattrs: fc.dictionary(
    fc.constantFrom('user.a', 'security.b', 'trusted.c', 'system.posix_acl_access'),
    fc.string({ maxLength: 9 }),
    {
      maxKeys: 3,
      noNullPrototype: true,
    },
  ),
});
/** Pieces that come back, in one file and in others: duplicates at several places. */
const content = fc
  .array(
    fc.constantFrom('', 'one', '\0'.repeat(4096), 'p'.repeat(4096), 'q'.repeat(4096), 'r'.repeat(5000)),
    {
      maxLength: 4,
    },
  )
  .map((pieces) => pieces.join(''));

const item: fc.Arbitrary<TarItem> = fc.oneof(
  { weight: 6, arbitrary: fc.tuple(path, content, fields).map((made) => file(...made)) },
  { weight: 3, arbitrary: fc.tuple(path, fields).map((made) => dir(...made)) },
  { weight: 3, arbitrary: fc.tuple(path, target, fields).map((made) => symlink(...made)) },
  { weight: 3, arbitrary: fc.tuple(path, path).map((made) => hardlink(...made)) },
  { weight: 2, arbitrary: fc.oneof(path, name).map((text) => whiteout(text)) },
  { weight: 1, arbitrary: path.map((text) => opaque(text)) },
  { weight: 1, arbitrary: fields.map((made) => dir('.', made)) },
  {
    weight: 1,
    arbitrary: fc.oneof(
      path.map((text) => fifo(text)),
      path.map((text) => char(text, 4095, 0xfffff)),
      path.map((text) => block(text, 8, 300)),
    ),
  },
);
const isLink = (entry: TarItem): boolean => 'type' in entry && entry.type === '1';
/** Hard links mostly lead nowhere: a layer that is refused says nothing of those behind it, so most do without. */
export const anyLayer = fc.tuple(fc.array(item, { maxLength: 30 }), fc.boolean()).map(([items, links]) => {
  const kept = links ? items : items.filter((entry) => !isLink(entry));
  return { bytes: layer(...kept), [fc.toStringMethod]: () => kept.map(shown).join(', ') };
});

/** In a counterexample: the bytes of a tar say little. */
function shown(entry: TarItem): string {
  if (!('type' in entry)) return 'bytes';
  const { type, path: name, link, data } = entry;
  return `${type} ${JSON.stringify(name)} ${JSON.stringify(link)} ${data.length}`;
}
