/** An image, or a part of it, as one tar: the canonical entries of its tree. */
import type { ByteStream } from '../io/streams.js';
import type { ChunkedFilesystem, FileInode } from '../look/filesystem.js';
import type { RawPath } from '../oci/raw-name.js';
import type { TreeNode } from '../rafs-builder/model/tree.js';
import { entriesInSteps, type LayerFile } from '../reverse/entries.js';
import { TAR_END, tarEntry, tarPadding } from '../reverse/tar-entry.js';
import type { CallOptions } from '../reporter.js';
import { Pace } from '../turns.js';

/** Entries whose chunks are fetched together. */
const ENTRIES_AT_ONCE = 1024;
/** Bytes of headers and small files that become one piece. */
const PIECE = 256 * 1024;

export interface TarOptions {
  /** Called with the path of a socket, which no tar can hold. */
  readonly onSocket?: ((path: RawPath) => void) | undefined;
}

/** Yields the tar. `root` is the image's, or a part of it (`selectedTree`). Throws what reading throws. */
export async function* tarOf(
  filesystem: ChunkedFilesystem,
  root: TreeNode,
  { onSocket }: TarOptions = {},
  call: CallOptions = {},
): ByteStream {
  const pieces = new Pieces();
  const pace = new Pace(call.signal);
  for (const entries of inGroups(entriesInSteps(root, root))) {
    if (pace.isDue) await pace.turn();
    yield* pieces.joined(contentOf(filesystem, entries, onSocket, call));
  }
  yield* pieces.joined([TAR_END]);
  yield pieces.rest();
}

async function* contentOf(
  filesystem: ChunkedFilesystem,
  entries: readonly LayerFile[],
  onSocket: TarOptions['onSocket'],
  call: CallOptions,
): ByteStream {
  const files = entries.flatMap(({ path, inode, link }) =>
    inode.kind === 'file' && link === undefined ? [{ path, file: inode }] : [],
  );
  const chunks = filesystem.openAll(files, call)[Symbol.asyncIterator]();
  try {
    for (const { path, inode, link } of entries) {
      const header = tarEntry(path, inode, link);
      if (header === undefined) {
        onSocket?.(path);
        continue;
      }
      yield header;
      if (inode.kind === 'file' && link === undefined) yield* bodyOf(inode, chunks);
    }
  } finally {
    await chunks.return?.();
  }
}

async function* bodyOf({ size }: FileInode, chunks: AsyncIterator<Uint8Array>): ByteStream {
  for (let at = 0; at < size;) {
    const chunk = await chunks.next();
    if (chunk.done === true) return;
    yield chunk.value;
    at += chunk.value.length;
  }
  yield tarPadding(size);
}

function* inGroups(entries: Iterable<LayerFile | undefined>): Generator<readonly LayerFile[]> {
  let group: LayerFile[] = [];
  for (const entry of entries) {
    if (entry !== undefined) group.push(entry);
    if (group.length < ENTRIES_AT_ONCE) continue;
    yield group;
    group = [];
  }
  yield group;
}

/** Joins small pieces, because each write costs a call. */
class Pieces {
  #parts: Uint8Array[] = [];
  #size = 0;

  async *joined(stream: Iterable<Uint8Array> | AsyncIterable<Uint8Array>): ByteStream {
    for await (const bytes of stream) {
      this.#parts.push(bytes);
      this.#size += bytes.length;
      if (this.#size >= PIECE) yield this.rest();
    }
  }

  rest(): Buffer {
    const bytes = Buffer.concat(this.#parts);
    [this.#parts, this.#size] = [[], 0];
    return bytes;
  }
}
