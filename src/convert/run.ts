/** A run is the value that all parts of a conversion share. */
import type { ByteBudget } from '../io/byte-budget.js';
import type { Scratch } from '../io/scratch.js';
import type { ImageSource, ImageTarget } from '../registry/stores/store.js';
import type { CallOptions } from '../reporter.js';
import type { ConvertOptions } from './options.js';
import type { RunCache } from './run-cache.js';
import type { Stopwatch } from './stopwatch.js';
import type { Uploads } from './uploads.js';

export interface Run {
  readonly source: ImageSource;
  readonly target: ImageTarget;
  readonly options: ConvertOptions;
  readonly uploads: Uploads;
  readonly scratch: Scratch;
  readonly stopwatch: Stopwatch;
  /**
   * Bounds the bytes of source layers that are held while packer and target read the same download at different speeds.
   */
  readonly copying: ByteBudget;
  readonly cache: RunCache | undefined;
  /**
   * True if the original layers and their manifest have to be in the target, too, because blobs refer to layers that lie
   * elsewhere, or that nothing else there would name. Readers look for both in one repository.
   */
  readonly keepsOriginal: boolean;
  /** Called when all is in the target but the tag; a rejection leaves the tag as it was. */
  readonly beforeTag?: ((call: CallOptions) => Promise<void>) | undefined;
}
