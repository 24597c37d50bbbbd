/**
 * The canonical tar entry of an inode: a ustar header, and a pax header before it for what that cannot hold. Names are bytes, which
 * libraries for tars do not keep. POSIX.1-2017, pax.
 */
import { rawNameBytes, type RawName, type RawPath } from '../oci/raw-name.js';
import type { Inode, Xattr } from '../rafs-builder/model/tree.js';

const BLOCK = 512;
/** Two blocks of zeros end a tar. */
export const TAR_END = Buffer.alloc(2 * BLOCK);

const NAME = { at: 0, size: 100 };
const LINK = { at: 157, size: 100 };
const SIZE = { at: 124, digits: 11 };
const MTIME = { at: 136, digits: 11 };
const UID = { at: 108, digits: 7 };
const GID = { at: 116, digits: 7 };
const CHECKSUM = 148;

const TYPES: Readonly<Record<Exclude<Inode['kind'], 'socket'>, string>> = {
  file: '0',
  symlink: '2',
  char: '3',
  block: '4',
  directory: '5',
  fifo: '6',
};

/** The headers of an entry. `link` is the first name of a file that has several. Undefined for a socket, which no tar can hold. */
export function tarEntry(path: RawPath, inode: Inode, link?: RawPath): Buffer | undefined {
  if (inode.kind === 'socket') return undefined;
  const pax = new PaxRecords();
  const block = zeros(BLOCK);
  const name = inode.kind === 'directory' ? (path === '' ? './' : `${path}/`) : path;
  text(block, NAME, 'path', name, pax);
  octal(block, { at: 100, digits: 7 }, inode.mode);
  number(block, UID, 'uid', inode.uid, pax);
  number(block, GID, 'gid', inode.gid, pax);
  number(block, SIZE, 'size', link === undefined && inode.kind === 'file' ? inode.size : 0, pax);
  time(block, inode, pax);
  block.write(link === undefined ? TYPES[inode.kind] : '1', 156, 'latin1');
  const target = link ?? (inode.kind === 'symlink' ? inode.target : undefined);
  if (target !== undefined) text(block, LINK, 'linkpath', target, pax);
  block.write('ustar\x0000', 257, 'latin1');
  const isDevice = inode.kind === 'char' || inode.kind === 'block';
  octal(block, { at: 329, digits: 7 }, isDevice ? inode.major : 0);
  octal(block, { at: 337, digits: 7 }, isDevice ? inode.minor : 0);
  for (const xattr of inode.xattrs) pax.addXattr(xattr);
  sign(block);
  return pax.isEmpty ? block : Buffer.concat([pax.header(name), block]);
}

/** From the pool of Node: a store of its own for each of 100,000 headers would fragment the memory of the process. */
function zeros(size: number): Buffer {
  return Buffer.allocUnsafe(size).fill(0);
}

/** Zeros behind the content of a file. */
export function tarPadding(size: number): Buffer {
  return TAR_END.subarray(0, (BLOCK - (size % BLOCK)) % BLOCK);
}

interface Field {
  readonly at: number;
  readonly digits: number;
}

function text(
  block: Buffer,
  { at, size }: { readonly at: number; readonly size: number },
  key: string,
  value: string,
  pax: PaxRecords,
): void {
  block.write(value.slice(0, size), at, 'latin1');
  if (value.length > size) pax.addPath(key, value);
}

function octal(block: Buffer, { at, digits }: Field, value: number): void {
  block.write(`${value.toString(8).padStart(digits, '0')}\0`, at, 'latin1');
}

function fits(value: number, { digits }: Field): boolean {
  return value >= 0 && value < 8 ** digits;
}

function number(block: Buffer, field: Field, key: string, value: number, pax: PaxRecords): void {
  octal(block, field, fits(value, field) ? value : 0);
  if (!fits(value, field)) pax.add(key, String(value));
}

function time(block: Buffer, { mtime, mtimeNsec }: Inode, pax: PaxRecords): void {
  octal(block, MTIME, fits(mtime, MTIME) ? mtime : 0);
  if (mtimeNsec !== 0 || !fits(mtime, MTIME)) pax.add('mtime', decimal(mtime, mtimeNsec));
}

/** Nanoseconds count forward, also before 1970: second -5 and half of one is -4.5. */
function decimal(seconds: number, nanoseconds: number): string {
  const isBefore = seconds < 0 && nanoseconds > 0;
  const whole = isBefore ? -(seconds + 1) : seconds;
  const fraction = isBefore ? 1e9 - nanoseconds : nanoseconds;
  const digits = String(fraction).padStart(9, '0').replace(/0+$/, '');
  return `${isBefore ? '-' : ''}${whole}${digits === '' ? '' : `.${digits}`}`;
}

function sign(block: Buffer): void {
  block.write('        ', CHECKSUM, 'latin1');
  let sum = 0;
  for (const byte of block) sum += byte;
  block.write(`${sum.toString(8).padStart(6, '0')}\0 `, CHECKSUM, 'latin1');
}

class PaxRecords {
  readonly #records: (readonly [key: string, record: Buffer])[] = [];

  get isEmpty(): boolean {
    return this.#records.length === 0;
  }

  add(key: string, value: string): void {
    this.#add(key, Buffer.from(value, 'latin1'));
  }

  /** Values are UTF-8 unless the header says that they are any bytes. */
  addPath(key: string, value: string): void {
    const bytes = Buffer.from(value, 'latin1');
    this.#add(key, bytes);
    const isText = Buffer.from(bytes.toString('utf8'), 'utf8').equals(bytes);
    if (!isText && !this.#records.some(([known]) => known === CHARSET))
      this.#add(CHARSET, Buffer.from('BINARY', 'latin1'));
  }

  /** An equals sign ends a key, so the form of libarchive, whose keys are encoded, serves a name with one. */
  addXattr({ name, value }: Xattr): void {
    if (!name.includes('=')) {
      this.#add(`SCHILY.xattr.${name}`, Buffer.from(value));
      return;
    }
    const base64 = Buffer.from(value).toString('base64').replace(/=+$/, '');
    this.#add(`LIBARCHIVE.xattr.${percentEncoded(name)}`, Buffer.from(base64, 'latin1'));
  }

  /** The header and its records, in the order of their keys. */
  header(name: string): Buffer {
    const inOrder = this.#records.sort(([a], [b]) =>
      a === CHARSET ? -1 : b === CHARSET ? 1 : a < b ? -1 : 1,
    );
    const records = Buffer.concat(inOrder.map(([, record]) => record));
    const block = zeros(BLOCK);
    block.write(`PaxHeaders/${name}`.slice(0, NAME.size), NAME.at, 'latin1');
    octal(block, { at: 100, digits: 7 }, 0o644);
    octal(block, UID, 0);
    octal(block, GID, 0);
    octal(block, SIZE, records.length);
    octal(block, MTIME, 0);
    block.write('x', 156, 'latin1');
    block.write('ustar\x0000', 257, 'latin1');
    sign(block);
    return Buffer.concat([block, records, tarPadding(records.length)]);
  }

  #add(key: string, value: Buffer): void {
    this.#records.push([key, record(rawNameBytes(key as RawName), value)]); // keys, too, have one character a byte
  }
}

const CHARSET = 'hdrcharset';

/** `LENGTH KEY=VALUE\n`, where the length counts itself. */
function record(key: Buffer, value: Buffer): Buffer {
  const rest = key.length + value.length + 3;
  let length = rest + String(rest).length;
  if (String(length).length !== String(rest).length) length = rest + String(length).length;
  return Buffer.concat([Buffer.from(`${length} `), key, Buffer.from('='), value, Buffer.from('\n')]);
}

function percentEncoded(name: string): string {
  return name.replace(
    /[^A-Za-z0-9._-]/g,
    (byte) => `%${byte.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0')}`,
  );
}
