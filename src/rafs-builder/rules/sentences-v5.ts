/** Sentences of findings over RAFS v5 bootstraps. */
import type { Sentences } from './rules.js';

export const SENTENCES_V5 = {} as const satisfies Sentences;
