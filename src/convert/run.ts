/** A run of the conversion: what all of its parts are handed. */
import type { ByteBudget } from '../io/byte-budget.js';
import type { Scratch } from '../io/scratch.js';
import type { ImageSource, ImageTarget } from '../registry/stores/store.js';
import type { ConvertOptions } from './options.js';
import type { Stopwatch } from './stopwatch.js';
import type { Uploads } from './uploads.js';

/** The surroundings that all images of a run share. */
export interface Run {
  readonly source: ImageSource;
  readonly target: ImageTarget;
  readonly options: ConvertOptions;
  readonly uploads: Uploads;
  readonly scratch: Scratch;
  readonly stopwatch: Stopwatch;
  /** Bytes of source layers that are held because the target takes them later than the packer, or sooner. */
  readonly copying: ByteBudget;
}
