/** The rule by which a conversion compresses small files together. */
import { AUTO_BATCHES } from '../native/formats.js';
import type { FormatOptions } from './format.js';

export interface BatchRule {
  /** True if the packer chooses: then only files that follow one another are compressed together, and blobs without such are as ever. */
  readonly isAuto: boolean;
  /** Bytes below which a file is in a batch. */
  readonly below: number;
  /** Bytes below which a batch stays. */
  readonly size: number;
}

/** Undefined without batches. */
export function batchRule({
  batchSize,
  chunkSize,
}: Pick<FormatOptions, 'batchSize' | 'chunkSize'>): BatchRule | undefined {
  if (batchSize === 0) return undefined;
  if (batchSize !== 'auto') return { isAuto: false, below: batchSize / 2, size: batchSize };
  const size = Math.min(AUTO_BATCHES.size, chunkSize);
  return { isAuto: true, below: Math.min(AUTO_BATCHES.below, size / 2), size };
}
