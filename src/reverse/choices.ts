/** What a caller may choose; apart from all else, so that a list of flags need not load it. */
import type { LayerCompressor } from '../native/rebuilder.js';

/**
 * `relink`: take the original manifest, or fail; `rebuild`: make every layer from its blob; `auto`: relink where that can be done.
 */
export type ReverseMode = 'auto' | 'relink' | 'rebuild';
export const REVERSE_MODES = ['auto', 'relink', 'rebuild'] as const satisfies readonly ReverseMode[];

/** `squash`: one layer, which holds the files of the whole image. */
export type LayerChoice = 'keep' | 'squash';
export const LAYER_CHOICES = ['keep', 'squash'] as const satisfies readonly LayerChoice[];

export const LAYER_COMPRESSORS = ['gzip', 'zstd', 'none'] as const satisfies readonly LayerCompressor[];
