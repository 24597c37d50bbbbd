/** Finds and loads the addon on first use, and turns its outcomes into values or errors of ours. */
import { existsSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { FormatError, InternalError, InterruptedError, LocalIoError, UnsupportedError } from '../errors.js';
import type { NydusError } from '../errors.js';
import type { StageTimes } from '../reporter.js';
import type { ScannedTables } from './tables.js';

interface Failure {
  readonly code: string;
  readonly message: string;
  readonly path?: Buffer;
  readonly offset?: number;
  readonly hint?: string;
}

/** What every fallible call of the addon gives: it throws only when arguments have the wrong type. */
export type Outcome<T> =
  | { readonly ok: T; readonly error?: undefined }
  | { readonly ok?: undefined; readonly error: Failure };

export interface NativeSealedBlob {
  readonly digest: string;
  readonly size: number;
  readonly blobMeta: Buffer;
}

export interface NativePackedLayer {
  readonly sourceDigest: string;
  readonly sourceSize: number;
  readonly diffId: string;
  readonly tarSize: number;
  readonly entryCount: number;
  readonly tables?: ScannedTables;
  readonly dataSize: number;
  readonly uncompressedSize: number;
  readonly chunkCount: number;
  readonly newChunkCount: number;
  readonly duplicateBytes: number;
  readonly warnings: readonly { readonly code: string; readonly message: string }[];
}

export interface NativeLayerPacker {
  /** True when there is room for more. */
  write(bytes: Buffer): Outcome<boolean>;
  room(): Promise<Outcome<undefined>>;
  finish(): Promise<Outcome<NativePackedLayer>>;
  grown(size: number): Promise<Outcome<{ readonly size: number; readonly complete: boolean }>>;
  seal(): Promise<Outcome<NativeSealedBlob>>;
  abort(): void;
}

export interface NativeBlobVerifier {
  /** True when there is room for more. */
  write(bytes: Buffer): Outcome<boolean>;
  room(): Promise<Outcome<undefined>>;
  finish(): Promise<
    Outcome<{
      readonly digest: string;
      readonly prefixDigest?: string | undefined;
      readonly size: number;
      readonly faults: readonly { readonly index: number; readonly message: string }[];
    }>
  >;
  abort(): void;
}

export interface NativeImagePacker {
  openLayer(layer: number, blobPath: string): Outcome<NativeLayerPacker>;
  bootstrap(places: readonly number[]): Promise<Outcome<Buffer>>;
  stages(): readonly StageTimes[];
  dispose(): void;
}

/** See `Finding` of native/judge. */
export interface NativeFinding {
  /** Position in the table of sentences. */
  readonly sentence: number;
  readonly args: readonly string[];
  /** One character a byte. */
  readonly path?: string | undefined;
  readonly offset?: number | undefined;
  readonly expected?: string | undefined;
  readonly found?: string | undefined;
}

interface Addon {
  openImagePacker(options: {
    readonly chunkSize: number;
    readonly compressor: string;
    readonly level: number;
    readonly dedup: string;
    readonly threads: number;
    readonly tables: boolean;
    readonly scan: boolean;
    readonly layers?: number | undefined;
  }): Outcome<NativeImagePacker>;
  openBlobVerifier(options: {
    readonly chunks: Buffer;
    readonly compressor: string;
    readonly digester: string;
    readonly threads: number;
    readonly prefix?: number | undefined;
  }): Outcome<NativeBlobVerifier>;
  judgeBootstrap(bytes: Buffer): Outcome<readonly NativeFinding[]>;
  refusalOfBootstrap(bytes: Buffer): Outcome<NativeFinding | null>;
  isTreeOfLayers(bytes: Buffer, layers: readonly ScannedTables[]): Outcome<boolean>;
  compress(bytes: Buffer, level: number): Promise<Outcome<Buffer | null>>;
  gzip(parts: readonly Buffer[]): Promise<Outcome<Buffer>>;
  decompress(bytes: Buffer, encoding: string, size: number): Promise<Outcome<Buffer>>;
  blake3(bytes: Buffer): Buffer;
  returnFreedMemory(): void;
  versions(): { readonly addon: string; readonly zstd: string };
}

let loaded: Addon | undefined;

/** The addon. It is loaded when it is first asked for, which takes a few milliseconds. Throws LocalIoError when it is not built. */
export function addon(): Addon {
  loaded ??= load();
  return loaded;
}

function load(): Addon {
  const root = packageRoot(import.meta.dirname);
  const path = join(root, 'native', 'nydusify.node');
  const hint = 'run `npm run build:native`, which needs Rust';
  if (!existsSync(path)) throw new LocalIoError(`${path}: the native addon is not built`, { hint });
  try {
    // The surface of native/node/src, which has no types of its own.
    return createRequire(import.meta.url)(path) as Addon;
  } catch (cause) {
    throw new LocalIoError(`${path}: the native addon does not load`, { cause, hint });
  }
}

/** The nearest folder upwards whose package.json is ours. */
function packageRoot(start: string): string {
  for (let folder = start; ; folder = dirname(folder)) {
    if (isOurPackage(join(folder, 'package.json'))) return folder;
    if (folder === dirname(folder)) {
      throw new LocalIoError(`${start}: not inside the package nydusify-ts, so there is no native addon`, {
        hint: 'install the package as a whole',
      });
    }
  }
}

function isOurPackage(path: string): boolean {
  try {
    return /"name":\s*"nydusify-ts"/.test(readFileSync(path, 'utf8'));
  } catch {
    return false; // there is none
  }
}

/** The value of an outcome; throws the error of ours that its code names. */
export function unwrap<T>(outcome: Outcome<T>): T {
  if (outcome.error !== undefined) throw toError(outcome.error);
  return outcome.ok;
}

function toError({ code, message, offset, hint }: Failure): NydusError {
  switch (code) {
    case 'FORMAT':
      return new FormatError(message, { offset, hint });
    case 'UNSUPPORTED':
      return new UnsupportedError(message, { hint });
    case 'IO':
      return new LocalIoError(message, { remedy: { kind: 'work-dir' } });
    case 'ABORTED':
      return new InterruptedError(message);
    default:
      return new InternalError(message, { remedy: { kind: 'report-bug' } });
  }
}

/** The same bytes as a Buffer, which is what the addon takes. */
export function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
