/**
 * Reads files for many clients at once. A chunk that several clients want is fetched and verified once, the last chunks are remembered,
 * and what all clients hold in memory is bounded, however many there are: a client waits for room for its next chunk, and one that takes
 * nothing for a while gives its room to others.
 */
import type { ByteRange, ByteStream } from '../io/streams.js';
import { type IndexedChunk, Inflated } from '../look/chunks.js';
import type { ChunkedFilesystem, FileInode } from '../look/filesystem.js';
import type { RawPath } from '../oci/raw-name.js';
import type { CallOptions } from '../reporter.js';
import { Room } from './room.js';

/** The most bytes that a client reads at once: a few requests to the store, each worth its delay. */
const WINDOW = 4 * 1024 * 1024;
/** Windows that are fetched at a time. */
const FETCHES = 4;
/** Bytes that are handed over at once, as a copy: what waits in a connection keeps no chunk in memory. */
const PIECE = 64 * 1024;

export interface SharedLimits {
  /** Bytes of chunks that are remembered. */
  readonly remembered: number;
  /** Bytes of chunks that all clients together are given, or read ahead. */
  readonly held: number;
  /** A client that takes nothing for so many milliseconds gives its room to others, and fetches again what it has not taken. */
  readonly stallMs: number;
  /** So does one that takes little, if others wait. */
  readonly turnMs: number;
}

const LIMITS: SharedLimits = {
  remembered: 32 * 1024 * 1024,
  held: 48 * 1024 * 1024,
  stallMs: 1000,
  turnMs: 2000,
};

export class SharedReader {
  readonly #filesystem: ChunkedFilesystem;
  readonly #call: CallOptions;
  readonly #inflated = new Inflated();
  readonly #limits: SharedLimits;
  readonly #room: Room;
  readonly #places = new WeakMap<FileInode, WeakRef<readonly IndexedChunk[]>>();
  /** In the order of use, the latest last. */
  readonly #remembered = new Map<string, Buffer>();
  #rememberedBytes = 0;
  readonly #coming = new Map<string, Promise<Buffer>>();
  readonly #waiting: (() => void)[] = [];
  #fetches = 0;

  /** `call` is that of the server: a client that goes away ends no fetch, since others may wait for it. */
  constructor(filesystem: ChunkedFilesystem, call: CallOptions, limits: Partial<SharedLimits> = {}) {
    this.#filesystem = filesystem;
    this.#call = call;
    this.#limits = { ...LIMITS, ...limits };
    this.#room = new Room(this.#limits.held);
  }

  /** Streams the bytes of a part of a file. Throws what reading throws; every byte before is verified. */
  async *read(file: FileInode, path: RawPath, { start, end }: ByteRange): ByteStream {
    const chunks = this.#located(file, path);
    let next = 0;
    let at = 0;
    for (; next < chunks.length && at + sizeOf(chunks[next]) <= start; next++) at += sizeOf(chunks[next]);
    for (let position = start; next < chunks.length && position < end;) {
      await this.#room.enter(sizeOf(chunks[next]));
      const window = this.#window(chunks, next, end - at);
      const hold = new Hold(this.#room, window, this.#limits);
      try {
        hold.coming = this.#chunks(window);
        for (const [i, chunk] of window.entries()) {
          await hold.arrival(i);
          const to = Math.min(end, at + sizeOf(chunk));
          while (position < to && hold.current !== undefined) {
            const piece = hold.current.subarray(position - at, Math.min(to - at, position - at + PIECE));
            position += piece.length;
            hold.giving();
            yield piece.length === hold.current.length ? piece : Buffer.from(piece);
            hold.given();
          }
          if (position < to) break;
          at += sizeOf(chunk);
          next += 1;
        }
      } finally {
        hold.letGo();
      }
    }
  }

  /** The chunks of a file, which all who read it share: of a hole of a terabyte there are millions. */
  #located(file: FileInode, path: RawPath): readonly IndexedChunk[] {
    const known = this.#places.get(file)?.deref();
    if (known !== undefined) return known;
    const chunks = this.#filesystem.locate(file, path);
    this.#places.set(file, new WeakRef(chunks));
    return chunks;
  }

  /** The chunks that a client reads at once, of `left` bytes: the first, for which it has room, and more while there is room. */
  #window(chunks: readonly IndexedChunk[], first: number, left: number): readonly IndexedChunk[] {
    let size = sizeOf(chunks[first]);
    let end = first + 1;
    for (; end < chunks.length && size < left; end++) {
      const more = sizeOf(chunks[end]);
      if (size + more > WINDOW || !this.#room.mayTake(more)) break;
      this.#room.take(more);
      size += more;
    }
    return chunks.slice(first, end);
  }

  /** Each chunk as soon as it is there. What is missing is fetched together. */
  #chunks(chunks: readonly IndexedChunk[]): (Promise<Buffer> | undefined)[] {
    const missing = new Map<string, IndexedChunk>();
    for (const chunk of chunks) {
      const key = keyOf(chunk);
      if (!this.#remembered.has(key) && !this.#coming.has(key)) missing.set(key, chunk);
    }
    if (missing.size > 0) this.#fetch(missing);
    return chunks.map((chunk) => {
      const key = keyOf(chunk);
      const bytes = this.#remembered.get(key);
      if (bytes !== undefined) {
        this.#remembered.delete(key);
        this.#remembered.set(key, bytes);
        return Promise.resolve(bytes);
      }
      return this.#coming.get(key);
    });
  }

  /** Begins to fetch chunks that are not being fetched yet. */
  #fetch(missing: ReadonlyMap<string, IndexedChunk>): void {
    const fetched = this.#fetched([...missing.values()]);
    for (const [i, key] of [...missing.keys()].entries()) {
      const bytes = fetched.then((all) => all[i] as Buffer); // #fetched gives one for each chunk
      // A failure is reported to the clients that wait, and may pass by the next attempt.
      bytes.catch(() => undefined);
      this.#coming.set(key, bytes);
      void fetched.then(
        (all) => {
          this.#coming.delete(key);
          this.#remember(key, all[i] as Buffer); // as above
        },
        () => {
          this.#coming.delete(key);
        },
      );
    }
  }

  async #fetched(chunks: readonly IndexedChunk[]): Promise<readonly Buffer[]> {
    // A fetch that ends hands its place to the one that waits longest.
    if (this.#fetches < FETCHES) this.#fetches += 1;
    else await new Promise<void>((resolve) => this.#waiting.push(resolve));
    try {
      const all: Buffer[] = [];
      for await (const bytes of this.#filesystem.read(chunks, this.#call, this.#inflated)) all.push(bytes);
      return all;
    } finally {
      const next = this.#waiting.shift();
      if (next === undefined) this.#fetches -= 1;
      else next();
    }
  }

  #remember(key: string, bytes: Buffer): void {
    this.#remembered.set(key, ownMemory(bytes));
    this.#rememberedBytes += bytes.length + ENTRY;
    for (const [oldest, old] of this.#remembered) {
      if (this.#rememberedBytes <= this.#limits.remembered) return;
      this.#remembered.delete(oldest);
      this.#rememberedBytes -= old.length + ENTRY;
    }
  }
}

/** What one client has in memory. It alone refers to the chunks, so that they can go while the client's stream rests. */
class Hold {
  coming: (Promise<Buffer> | undefined)[] = [];
  /** Undefined once it was let go. */
  current: Buffer | undefined;
  readonly #room: Room;
  readonly #sizes: number[];
  readonly #turnMs: number;
  readonly #since = performance.now();
  readonly #timer: NodeJS.Timeout;
  #isGiving = false;

  /** For chunks of which there is room. */
  constructor(room: Room, chunks: readonly IndexedChunk[], limits: SharedLimits) {
    this.#room = room;
    this.#turnMs = limits.turnMs;
    this.#sizes = chunks.map(sizeOf);
    this.#timer = setTimeout(() => {
      if (this.#isGiving) this.letGo();
    }, limits.stallMs);
  }

  /** Waits for the chunk of that number, and lets go of the one before. */
  async arrival(number: number): Promise<void> {
    this.current = undefined;
    const before = this.#sizes[number - 1];
    if (before !== undefined) this.#leave(number - 1, before);
    const bytes = await this.coming[number];
    this.coming[number] = undefined;
    this.current = bytes;
  }

  /** Called before bytes are handed over, and when the client has taken them. */
  giving(): void {
    this.#isGiving = true;
    this.#timer.refresh();
  }

  given(): void {
    this.#isGiving = false;
    if (this.#room.isWaitedFor && performance.now() - this.#since > this.#turnMs) this.letGo();
  }

  letGo(): void {
    clearTimeout(this.#timer);
    this.current = undefined;
    this.coming = [];
    for (const [i, size] of this.#sizes.entries()) this.#leave(i, size);
  }

  #leave(number: number, size: number): void {
    this.#sizes[number] = 0;
    this.#room.leave(size);
  }
}

/** Bytes that an entry takes beside its chunk. */
const ENTRY = 512;

/** A part of a larger piece of memory, such as Node's pool for small buffers, would keep all of that. */
function ownMemory(bytes: Buffer): Buffer {
  if (bytes.buffer.byteLength === bytes.length) return bytes;
  const own = Buffer.allocUnsafeSlow(bytes.length);
  bytes.copy(own);
  return own;
}

function sizeOf(chunk: IndexedChunk | undefined): number {
  return chunk?.record.uncompressedSize ?? 0;
}

function keyOf({ blob, index }: IndexedChunk): string {
  return `${blob.id} ${index}`;
}
