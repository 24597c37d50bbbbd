/** `nydusify inspect`: looks into a bootstrap, or into the one inside a RAFS blob. Local files only; nothing is changed. */
import { open, readFile } from 'node:fs/promises';
import { type Command } from 'commander';
import { FormatError, LocalIoError, UsageError } from '../errors.js';
import { decompress } from '../native.js';
import { audit } from '../rafs-builder/audit.js';
import { describeAt, listTree, summarize } from '../rafs-builder/describe.js';
import { diffImages } from '../rafs-builder/diff.js';
import { dump } from '../rafs-builder/dump.js';
import { SECTIONS, parseToc, TOC_READ_SIZE, tocFlags } from '../rafs-builder/toc.js';
import { endsWithTarHeader } from '../rafs-builder/tar-header.js';
import { type RafsImage, readBootstrap } from '../rafs-builder/image.js';
import { type CliContext, type Output } from './context.js';

interface InspectOptions {
  readonly dump?: boolean;
  readonly at?: string;
  readonly diff?: boolean;
}

/** The constant that Nydus puts on metadata it reads into memory (RAFS_MAX_METADATA_SIZE). */
const MAX_BOOTSTRAP_SIZE = 2 ** 31;

const EXAMPLES = `
Examples:
  $ nydusify inspect image.boot
  $ nydusify inspect --dump blob            a RAFS blob works too: its own bootstrap is shown
  $ nydusify inspect --at 0x3040 image.boot
  $ nydusify inspect --diff old.boot new.boot`;

export function addInspectCommand(program: Command, context: CliContext): void {
  program
    .command('inspect')
    .summary('look into a bootstrap or a RAFS blob')
    .description('Shows what a local bootstrap, or the bootstrap inside a RAFS blob, holds.')
    .argument('<bootstrap>', 'file to look into')
    .argument('[other]', 'with --diff: what to compare it with')
    .option('--dump', 'print every inode, chunk and table, one fact a line')
    .option('--at <offset>', 'name structure, field and value at this byte of the bootstrap')
    .option('--diff', 'compare two bootstraps by what they mean; exit 1 when they differ')
    .addHelpText('after', EXAMPLES)
    .action(async (path: string, other: string | undefined, options: InspectOptions) => {
      await inspect(path, other, options, context);
    });
}

async function inspect(
  path: string,
  other: string | undefined,
  options: InspectOptions,
  context: CliContext,
): Promise<void> {
  const chosen = [options.dump === true, options.at !== undefined, options.diff === true].filter(
    Boolean,
  ).length;
  if (chosen > 1) throw new UsageError('--dump, --at and --diff exclude each other');
  if ((options.diff === true) !== (other !== undefined)) {
    throw new UsageError('--diff takes two files, everything else one', {
      hint: 'nydusify inspect --diff OLD NEW',
    });
  }
  const lines = new LineWriter(context.stdout);
  const bytes = await readFileOrBlob(path);
  if (options.at !== undefined) {
    lines.write(describeAt(bytes, parseOffset(options.at, bytes.length)));
  } else if (options.dump === true) {
    lines.write(dump(readImage(path, bytes)));
  } else if (other !== undefined) {
    const found = lines.write(
      diffImages(readImage(path, bytes), readImage(other, await readFileOrBlob(other))),
    );
    if (found > 0) context.exitCode = 1;
  } else {
    const image = readImage(path, bytes);
    lines.write(summarize(image));
    const findings = Array.from(audit(bytes));
    lines.write([findings.length === 0 ? 'audit   nothing found' : `audit   ${findings.length} findings:`]);
    lines.write(
      findings.map(
        ({ id, message, offset }) =>
          `        ${id}${offset === undefined ? '' : ` at 0x${offset.toString(16)}`}: ${message}`,
      ),
    );
    lines.write(['', ...listTree(image)]);
  }
  lines.flush();
}

function parseOffset(text: string, size: number): number {
  const offset = /^(0x[0-9a-f]+|\d+)$/i.test(text) ? Number(text) : Number.NaN;
  if (!(offset < size))
    throw new UsageError(`--at ${text}: it takes an offset below ${size}, decimal or with 0x`);
  return offset;
}

/** The bytes of a bootstrap file, or of the bootstrap in a RAFS blob, which is what ends with a tar header. */
async function readFileOrBlob(path: string): Promise<Uint8Array> {
  try {
    await using file = await open(path, 'r');
    const { size } = await file.stat();
    const end = await readRange(file, Math.max(0, size - TOC_READ_SIZE), size);
    if (!endsWithTarHeader(end)) return await readFile(path);
    const entry = parseToc(end, size).find(({ name }) => name === SECTIONS.bootstrap);
    if (entry === undefined) throw new FormatError(`the blob has no section ${SECTIONS.bootstrap}`);
    if (entry.uncompressedSize > MAX_BOOTSTRAP_SIZE) {
      throw new FormatError(`a bootstrap of ${entry.uncompressedSize} bytes`);
    }
    const stored = await readRange(file, entry.offset, entry.offset + entry.compressedSize);
    return entry.flags === tocFlags.bits.NONE
      ? stored
      : await decompress(stored, 'zstd', entry.uncompressedSize);
  } catch (error) {
    if (error instanceof FormatError) {
      throw new FormatError(`cannot read the RAFS blob ${path}: ${error.message}`, {
        cause: error,
        offset: error.offset,
      });
    }
    if (error instanceof Error && 'syscall' in error) {
      throw new LocalIoError(`cannot read ${path}: ${error.message}`, { cause: error });
    }
    throw error;
  }
}

/** `readBootstrap`, with the name of the file in its errors. */
function readImage(path: string, bytes: Uint8Array): RafsImage {
  try {
    return readBootstrap(bytes);
  } catch (error) {
    if (!(error instanceof FormatError)) throw error;
    const hint =
      error.offset === undefined ? undefined : `nydusify inspect --at 0x${error.offset.toString(16)} ${path}`;
    throw new FormatError(`${path} is no sound bootstrap: ${error.message}`, {
      cause: error,
      offset: error.offset,
      hint,
    });
  }
}

async function readRange(
  file: Awaited<ReturnType<typeof open>>,
  start: number,
  end: number,
): Promise<Buffer> {
  const bytes = Buffer.alloc(Math.max(0, end - start));
  const { bytesRead } = await file.read(bytes, 0, bytes.length, start);
  return bytes.subarray(0, bytesRead);
}

/** Collects lines, so that a big dump is not a million writes. */
class LineWriter {
  readonly #output: Output;
  #pending = '';

  constructor(output: Output) {
    this.#output = output;
  }

  /** Returns how many lines there were. */
  write(lines: Iterable<string>): number {
    let count = 0;
    for (const line of lines) {
      count += 1;
      this.#pending += `${line}\n`;
      if (this.#pending.length > 0x1_0000) this.flush();
    }
    return count;
  }

  flush(): void {
    if (this.#pending !== '') this.#output.write(this.#pending);
    this.#pending = '';
  }
}
