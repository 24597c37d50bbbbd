/**
 * Finds the members of an uncompressed tar, so that they can be read in place. It serves archives of images, whose members are
 * files with plain names; the addon reads the tars of layers.
 */
import { posix } from 'node:path';
import { FormatError } from '../../errors.js';
import { Pace } from '../../turns.js';
import { openFile, readPiece } from '../file-range.js';
import { BLOCK, cString, isEndBlock, readHeader } from './header.js';

export interface TarMember {
  /** Offset of the content in the archive. */
  readonly start: number;
  /** Bytes. */
  readonly size: number;
}

/** Bytes that are read at once, so that an archive of many small members takes few reads. */
const AHEAD = 64 * 1024;
/** Bytes: no pax header or GNU long name of an image archive is longer. */
const MAX_EXTENSION = 1024 * 1024;
/** An image archive has a few members for each layer; with far more it is no image. */
const MAX_MEMBERS = 1_000_000;
const MAX_LINKS = 16;

/**
 * Members by normalised path (no `./` or `/` in front); a link has the member that it leads to. Errors call the archive `name`.
 * Throws FormatError, LocalIoError, and the signal's reason.
 */
export async function indexTar(
  path: string,
  { name = path, signal }: { readonly name?: string; readonly signal?: AbortSignal | undefined } = {},
): Promise<ReadonlyMap<string, TarMember>> {
  const file = await openFile(path);
  try {
    const { size } = await file.stat();
    return await indexMembers({ size, read: (start, end) => readPiece(file, { start, end }) }, name, signal);
  } finally {
    await file.close();
  }
}

/** Fields that extension headers set for the member that follows them. */
interface Pending {
  name?: string | undefined;
  link?: string | undefined;
  size?: number | undefined;
}

/** The bytes of an archive. */
export interface TarSource {
  /** Bytes. */
  readonly size: number;
  /** Reads at most the bytes from `start` up to `end`. */
  readonly read: (start: number, end: number) => Promise<Buffer>;
}

/** Members of an archive from any source. */
export async function indexMembers(
  source: TarSource,
  path: string,
  signal?: AbortSignal,
): Promise<ReadonlyMap<string, TarMember>> {
  const pace = new Pace(signal);
  const ahead = new ReadAhead(source);
  const members = new Map<string, TarMember>();
  const links = new Map<string, string>();
  const end = source.size;
  const fail = (reason: string, offset: number): never => {
    throw new FormatError(`${path}: ${reason}`, { offset });
  };
  let pending: Pending = {};
  for (let at = 0; at + BLOCK <= end;) {
    if (pace.isDue) await pace.turn();
    const block = await ahead.read(at, BLOCK);
    if (isEndBlock(block)) break;
    const header =
      readHeader(block) ??
      fail(at === 0 ? 'this is no tar archive' : `tar header at offset ${at} is damaged`, at);
    const { type } = header;
    const size = pending.size ?? header.size;
    if (!Number.isSafeInteger(size) || size < 0) fail(`tar member at offset ${at} has no sensible size`, at);
    const start = at + BLOCK;
    if (start + size > end) fail(`tar archive ends inside a member at offset ${at}`, at);
    at = start + Math.ceil(size / BLOCK) * BLOCK;
    if ('xgLK'.includes(type)) {
      if (size > MAX_EXTENSION) fail(`tar header extension at offset ${start} is too long`, start);
      const text = await ahead.read(start, size);
      pending = type === 'g' ? pending : { ...pending, ...extension(type, text) };
      continue;
    }
    const name = normalPath(pending.name ?? header.name);
    if (type === '0' || type === '7') {
      members.set(name, { start, size });
      links.delete(name);
    } else if (type === '1' || type === '2') {
      const target = pending.link ?? header.link;
      links.set(name, normalPath(type === '2' ? posix.join(posix.dirname(name), target) : target));
    }
    if (members.size + links.size > MAX_MEMBERS) fail(`more than ${MAX_MEMBERS} members`, at);
    pending = {};
  }
  for (const [name, target] of links) {
    const member = follow(target, members, links);
    if (member !== undefined) members.set(name, member);
  }
  return members;
}

function follow(
  target: string,
  members: ReadonlyMap<string, TarMember>,
  links: ReadonlyMap<string, string>,
): TarMember | undefined {
  let name: string | undefined = target;
  for (let hops = 0; name !== undefined && hops < MAX_LINKS; hops++) {
    const member = members.get(name);
    if (member !== undefined) return member;
    name = links.get(name);
  }
  return undefined;
}

class ReadAhead {
  readonly #source: TarSource;
  #start = 0;
  #bytes: Buffer = Buffer.alloc(0);

  constructor(source: TarSource) {
    this.#source = source;
  }

  /** Exactly the bytes that are asked for. Throws FormatError at the end of the archive. */
  async read(at: number, length: number): Promise<Buffer> {
    if (at < this.#start || at + length > this.#start + this.#bytes.length) {
      this.#bytes = await this.#source.read(at, Math.min(at + Math.max(length, AHEAD), this.#source.size));
      this.#start = at;
    }
    const from = at - this.#start;
    if (this.#bytes.length < from + length)
      throw new FormatError('tar archive ends early', { offset: at + this.#bytes.length });
    return this.#bytes.subarray(from, from + length);
  }
}

/** A GNU long name or link, or the records of a pax header that the index needs. */
function extension(type: string, bytes: Buffer): Pending {
  if (type === 'L') return { name: cString(bytes) };
  if (type === 'K') return { link: cString(bytes) };
  const found: Pending = {};
  for (let at = 0; at < bytes.length;) {
    const blank = bytes.indexOf(0x20, at);
    const length = Number(bytes.subarray(at, blank < 0 ? at : blank).toString('latin1'));
    if (!Number.isSafeInteger(length) || length <= 0) break;
    const record = bytes.subarray(blank + 1, at + length - 1).toString('utf8');
    const equals = record.indexOf('=');
    const value = record.slice(equals + 1);
    switch (record.slice(0, equals)) {
      case 'path':
        found.name = value;
        break;
      case 'linkpath':
        found.link = value;
        break;
      case 'size':
        found.size = Number(value);
        break;
    }
    at += length;
  }
  return found;
}

function normalPath(name: string): string {
  return posix.normalize(`/${name}`).replace(/^\/+/, '').replace(/\/$/, '');
}
