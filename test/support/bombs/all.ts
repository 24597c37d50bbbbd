/** All bombs. */
import type { Bomb } from './bomb.js';
import { BOOTSTRAP_BOMBS } from './of-bootstraps.js';
import { DOCUMENT_BOMBS } from './of-documents.js';
import { HEADER_BOMBS } from './of-headers.js';
import { LAYER_BOMBS } from './of-layers.js';

export const BOMBS: readonly Bomb[] = [
  ...LAYER_BOMBS,
  ...HEADER_BOMBS,
  ...DOCUMENT_BOMBS,
  ...BOOTSTRAP_BOMBS,
];
