/**
 * Random images as lists of layer tars, the same for the same seed. They stay inside what the reference builder gets
 * right (`docs/format.md` lists its deviations): every layer has a root entry and entries for all parents, hard links lead
 * to regular files and repeat their attributes, an inode has one extended attribute at most, no value holds a line break. For RAFS v5,
 * hard links lead to files without extended attributes, and nothing but a directory takes the place of a lower directory: the
 * reference cannot read its own image of the first, and panics over the second.
 */
import type { FormatOptions } from '../../../src/native/addon-types.js';
import { FORMAT_DEFAULTS } from '../../../src/native/formats.js';
import {
  block,
  char,
  dir,
  entry,
  fifo,
  file,
  hardlink,
  layer,
  symlink,
  type TarFields,
  type TarItem,
} from './tar.js';

/** Numbers that look random (mulberry32), the same for the same seed. */
export class Random {
  #state: number;

  constructor(seed: number) {
    this.#state = seed >>> 0;
  }

  /** An integer from 0 up to and without `limit`. */
  below(limit: number): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let mixed = this.#state;
    mixed = Math.imul(mixed ^ (mixed >>> 15), mixed | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return Math.floor((((mixed ^ (mixed >>> 14)) >>> 0) / 0x1_0000_0000) * limit);
  }

  chance(percent: number): boolean {
    return this.below(100) < percent;
  }

  pick<T>(choices: readonly [T, ...T[]]): T {
    return choices[this.below(choices.length)] ?? choices[0];
  }

  bytes(length: number): Buffer {
    const bytes = Buffer.alloc(length);
    for (let i = 0; i < length; i++) bytes[i] = this.below(256);
    return bytes;
  }
}

export interface RandomImage extends FormatOptions {
  /** Uncompressed tars, lowest first. */
  readonly layers: readonly Buffer[];
}

/** Attributes that hard links repeat. */
type Attributes = Required<Pick<TarFields, 'mode' | 'uid' | 'gid' | 'mtime'>>;
type Own =
  | { readonly kind: 'directory' }
  | { readonly kind: 'file'; readonly attributes: Attributes; readonly hasXattrs: boolean }
  | { readonly kind: 'other' };

const CHUNK_SIZES = [0x1000, 0x2000, 0x4000, 0x10000] as const;
/** Names that sort around `.` and `..`, or are long, or are no UTF-8. */
const ODD_NAMES = [
  '!a',
  '#',
  '+x',
  ',',
  '-y',
  '...',
  '..a',
  '.a',
  '~',
  'a b',
  'A',
  'aa',
  'a.b',
  'a-b',
  '\x01',
  '\x7f',
];

/** Builds one layer after the other; remembers what lies below, so that layers meet. */
class ImageWriter {
  readonly #random: Random;
  readonly #chunkSize: number;
  readonly #isV5: boolean;
  /** Pieces of content that come back, in the same layer and in others. */
  readonly #pool: Buffer[] = [];
  /** Paths of lower layers: where something may be hidden, replaced or added to. */
  readonly #lower = new Map<string, Own['kind']>();
  #own = new Map<string, Own>();
  #items: TarItem[] = [];
  /**
   * Paths whose entry replaced a directory of a lower layer. They keep their type: the published libraries, older than the fix, bring the
   * directory's children back when a later layer makes it a directory again.
   */
  readonly #fallen = new Set<string>();

  constructor(random: Random, { chunkSize, fsVersion }: FormatOptions) {
    this.#random = random;
    this.#chunkSize = chunkSize;
    this.#isV5 = fsVersion === 5;
    for (let i = 0; i < 6; i++) this.#pool.push(random.bytes(1 + random.below(chunkSize)));
    this.#pool.push(Buffer.alloc(chunkSize));
  }

  layer(isLowest: boolean): Buffer {
    this.#own = new Map([['', { kind: 'directory' }]]);
    this.#items = [dir('.', { ...this.#attributes(), ...this.#xattrs() })];
    const count = this.#random.pick([0, 1, 5, 12, 25]);
    for (let i = 0; i < count; i++) this.#addOne(isLowest);
    for (const [path, { kind }] of this.#own) this.#lower.set(path, kind);
    return layer(...this.#items);
  }

  #addOne(isLowest: boolean): void {
    const kind = this.#random.below(isLowest ? 20 : 26);
    const parent = this.#parent();
    if (kind >= 24)
      this.#emit(join(parent, '.wh..wh..opq'), { kind: 'other' }, (path) =>
        file(path, '', this.#attributes()),
      );
    else if (kind >= 20) this.#whiteout();
    else if (kind >= 17) this.#hardlink(parent);
    else {
      const path = this.#newPath(parent);
      if (kind < 10) this.#file(path);
      else if (kind < 12) this.#directory(path);
      else if (kind < 15) this.#symlink(path);
      else this.#special(path);
    }
  }

  #file(path: string): void {
    const attributes = this.#attributes();
    const data = this.#content();
    const xattrs = this.#xattrs();
    const hasXattrs = xattrs.xattrs !== undefined;
    this.#emit(path, { kind: 'file', attributes, hasXattrs }, (name) =>
      file(name, data, { ...attributes, ...xattrs }),
    );
  }

  #directory(path: string): void {
    if (this.#isBelowFallen(path)) return;
    this.#emit(path, { kind: 'directory' }, (name) =>
      dir(name, { ...this.#attributes(), ...this.#xattrs() }),
    );
  }

  #symlink(path: string): void {
    const target = this.#random.pick([
      'x',
      '/etc/../a',
      'a//b/./c/',
      '..',
      't'.repeat(101),
      'u'.repeat(1000),
    ]);
    this.#emit(path, { kind: 'other' }, (name) =>
      symlink(name, target, { ...this.#attributes(), mode: 0o777 }),
    );
  }

  #special(path: string): void {
    const random = this.#random;
    const fields = { ...this.#attributes(), ...this.#xattrs() };
    const major = random.pick([0, 1, 8, 255, 256, 4095]);
    const minor = random.pick([0, 1, 255, 256, 70_000, 0xf_ffff]);
    const make = random.pick<(name: Buffer) => TarItem>([
      (name) => char(name, major, minor, fields),
      (name) => block(name, major, minor, fields),
      (name) => fifo(name, { ...fields, major: 0, minor: 0 }),
    ]);
    this.#emit(path, { kind: 'other' }, make);
  }

  #hardlink(parent: string): void {
    const path = this.#newPath(parent);
    const targets = [...this.#own].flatMap(([target, own]) =>
      own.kind === 'file' &&
      !(this.#isV5 && own.hasXattrs) &&
      target !== path &&
      !target.startsWith(`${path}/`)
        ? [{ target, own }]
        : [],
    );
    const chosen = targets[this.#random.below(targets.length)];
    if (chosen === undefined) return;
    const { target, own } = chosen;
    this.#emit(path, own, (name) => hardlink(name, bytesOf(target), own.attributes));
  }

  /** Hides something of the layers below, or nothing at all. */
  #whiteout(): void {
    const known = [...this.#lower.keys()].filter(
      (path) => path !== '' && isAscii(path) && nameOf(path).length < 250,
    );
    const path = known[this.#random.below(known.length)];
    if (path === undefined) return;
    const parent = path.slice(0, Math.max(path.lastIndexOf('/'), 0));
    if (this.#isBelowFallen(parent)) return;
    this.#makeDirectory(parent);
    const marker = join(parent, `.wh.${nameOf(path)}`);
    const data = this.#random.chance(5) ? this.#content() : '';
    this.#emit(marker, { kind: 'other' }, (name) => entry('0', name, { ...this.#attributes(), data }));
  }

  /** A directory of this layer, old or new, with entries for all of its parents. */
  #parent(): string {
    const known = [...this.#own, ...[...this.#lower].map(([path, kind]) => [path, { kind }] as const)];
    const directories = known.flatMap(([path, { kind }]) => (kind === 'directory' ? [path] : []));
    let path = directories[this.#random.below(directories.length)] ?? '';
    if (this.#random.chance(25) && path.length < 600) path = this.#newPath(path);
    if (this.#isBelowFallen(path)) return '';
    this.#makeDirectory(path);
    return path;
  }

  #isBelowFallen(path: string): boolean {
    return [...this.#fallen].some((fallen) => path === fallen || path.startsWith(`${fallen}/`));
  }

  #makeDirectory(path: string): void {
    if (this.#own.get(path)?.kind === 'directory') return;
    this.#makeDirectory(path.slice(0, Math.max(path.lastIndexOf('/'), 0)));
    this.#directory(path);
  }

  /** Often a name that is there already, here or below. */
  #newPath(parent: string): string {
    const random = this.#random;
    if (random.chance(20)) {
      const prefix = parent === '' ? '' : `${parent}/`;
      const known = [...this.#own.keys(), ...this.#lower.keys()].filter(
        (path) => path !== '' && path.startsWith(prefix) && !path.slice(prefix.length).includes('/'),
      );
      const path = known[random.below(known.length)];
      if (path !== undefined && path !== parent && !nameOf(path).startsWith('.wh.')) return path;
    }
    return join(parent, this.#name());
  }

  #name(): string {
    const random = this.#random;
    if (random.chance(15)) return ODD_NAMES[random.below(ODD_NAMES.length)] ?? 'x';
    if (random.chance(5)) return `n${String(random.below(10)).repeat(random.pick([98, 99, 100, 154, 254]))}`;
    if (random.chance(5)) return `\xff\xfe${random.below(100)}`;
    if (random.chance(5)) return Buffer.from('é'.repeat(1 + random.below(100)), 'utf8').toString('latin1');
    return `${random.pick(['a', 'b', 'file', 'lib', 'x.'])}${random.below(40)}`;
  }

  /**
   * Adds an entry, unless it would take a directory's place that this layer has put something into: the reference brings
   * that back when the path becomes a directory once more.
   */
  #emit(path: string, own: Own, make: (name: Buffer) => TarItem): void {
    const below = `${path}/`;
    if (own.kind !== 'directory' && [...this.#own.keys()].some((other) => other.startsWith(below))) return;
    if (own.kind !== 'directory' && this.#lower.get(path) === 'directory') {
      if (this.#isV5) return;
      this.#fallen.add(path);
    }
    this.#own.set(path, own);
    const item = make(bytesOf(path));
    this.#items.push(item);
  }

  #attributes(): Attributes {
    const random = this.#random;
    return {
      mode: random.pick([0o644, 0o755, 0o600, 0o4755, 0o1777, 0]),
      uid: random.pick([0, 1, 1000, 65_534, 2_097_151, 3_000_000_000]),
      gid: random.pick([0, 5, 1000, 100_000]),
      mtime: random.pick([0, 1, 1_700_000_000, 1_700_000_000 + random.below(1000), 0x1_0000_0000]),
    };
  }

  #xattrs(): Pick<TarFields, 'xattrs'> {
    const random = this.#random;
    if (!random.chance(10)) return {};
    const name = random.pick(['user.a', 'user.a.long.name', 'trusted.t', 'security.capability', 'user.\xe9']);
    // A line break in a PAX value is more than the reference can read.
    const value = random.bytes(random.pick([0, 1, 20, 300])).map((byte) => (byte === 0x0a ? 0x0b : byte));
    return { xattrs: [[bytesOf(name), value]] };
  }

  /** Sizes around multiples of the chunk size; content of zeros, of pieces that repeat, or of noise. */
  #content(): Buffer {
    const random = this.#random;
    const edge = this.#chunkSize * random.pick([0, 1, 1, 2, 3]);
    const size = Math.max(0, random.chance(50) ? random.below(200) : edge + random.pick([-1, 0, 1, 100]));
    const piece = this.#pool[random.below(this.#pool.length)] ?? Buffer.alloc(1);
    if (size > 0 && random.chance(30)) this.#pool.push(random.bytes(Math.min(size, 5000)));
    return Buffer.alloc(size, piece);
  }
}

function join(parent: string, name: string): string {
  return parent === '' ? name : `${parent}/${name}`;
}

function nameOf(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1);
}

function isAscii(path: string): boolean {
  return !/[\x80-\xff]/.test(path);
}

/** Paths here have one character for each byte. */
function bytesOf(path: string): Buffer {
  return Buffer.from(path, 'latin1');
}

/**
 * A prefetch list as upstream's converter reads it, for the layers of an image: paths that are there, in all spellings, with
 * directories above them and names that are not there.
 */
export function randomPatterns(seed: number, layers: readonly Buffer[]): string {
  const random = new Random(seed ^ 0x5eed);
  // Paths of the tars, as far as they are text without line breaks.
  const paths = layers
    .flatMap((tar) => tarPaths(tar))
    .filter((path) => isAscii(path) && !/[\n\r]/.test(path));
  const lines = Array.from({ length: random.below(12) }, () => {
    const path = paths[random.below(paths.length)] ?? 'a';
    const shorter = path
      .split('/')
      .slice(0, 1 + random.below(path.split('/').length))
      .join('/');
    return random.pick<() => string>([
      () => `/${path}`,
      () => `/${path}`,
      () => `/${shorter}`,
      () => `/${shorter}/`,
      () => `//./${path.replaceAll('/', '//')}/.`,
      () => `  /${path}\t`,
      () => `/${path}/below`,
      () => `/${path}x`,
      () => `/x/../${path}`,
      () => path,
      () => (random.chance(10) ? '/' : ''),
    ])();
  });
  return lines.map((line) => `${line}\n`).join('');
}

/** Names in the headers, without the directories' slashes; longer ones are cut, and so lead nowhere. */
function tarPaths(tar: Buffer): string[] {
  const paths: string[] = [];
  for (let at = 0; at + 512 <= tar.length;) {
    const size = Number.parseInt(tar.subarray(at + 124, at + 136).toString('latin1'), 8) || 0;
    const name = tar
      .subarray(at, at + 100)
      .toString('latin1')
      .replace(/\0.*$/s, '');
    const type = String.fromCharCode(tar[at + 156] ?? 0);
    if (name !== '' && !'xgLK'.includes(type)) paths.push(name.replace(/\/+$/, '').replace(/^\.\/?/, ''));
    at += 512 + Math.ceil(size / 512) * 512;
  }
  return paths;
}

/** What `format` leaves open is chosen by the seed, or as usual. */
export function randomImage(seed: number, format: Partial<FormatOptions> = {}): RandomImage {
  const random = new Random(seed);
  const chunkSize = random.pick(CHUNK_SIZES);
  const compressor = random.pick<'zstd' | 'none'>(['zstd', 'none']);
  const options = { ...FORMAT_DEFAULTS, chunkSize, compressor, ...format };
  const writer = new ImageWriter(random, options);
  const count = 1 + random.below(4);
  const layers = Array.from({ length: count }, (_, number) => writer.layer(number === 0));
  return { ...options, layers };
}
