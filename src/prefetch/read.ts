/** Reads a prefetch list of any form; the form is recognised by the content. */
import { UsageError } from '../errors.js';
import type { PrefetchPattern } from '../native/addon-types.js';
import { FORMS, ListText } from './forms.js';
import { Patterns } from './patterns.js';

/** Bytes of a list at most; logs are long. */
export const MAX_LIST_BYTES = 256 * 1024 * 1024;

export interface PrefetchList {
  /** The form that the list was recognised as, as a phrase. */
  readonly form: string;
  /** In order, each once. */
  readonly patterns: readonly PrefetchPattern[];
  /** Lines or records that name no file of an image, or do not say where their path begins. */
  readonly skipped: number;
}

/** Throws UsageError for a list of no known form. `name` is for messages. */
export function readPrefetchList(bytes: Uint8Array, name: string): PrefetchList {
  if (bytes.length > MAX_LIST_BYTES)
    throw new UsageError(`${name} has ${bytes.length} bytes, and a prefetch list at most ${MAX_LIST_BYTES}`);
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const text = buffer.toString('latin1').replace(BYTE_ORDER_MARK, '');
  const list = new ListText(text);
  for (const { name: form, reader } of FORMS) {
    const read = reader(list);
    if (read === undefined) continue;
    const patterns = new Patterns();
    read(patterns);
    return { form, patterns: patterns.all, skipped: patterns.skipped };
  }
  throw new UsageError(
    list.first.length === 0 ? `${name} is empty` : `${name} is no prefetch list of a known form`,
    {
      hint: `it may be ${FORMS.map(({ name: form }) => form).join('; ')}`,
    },
  );
}

/** UTF-8's mark, as bytes. */
const BYTE_ORDER_MARK = /^\u00ef\u00bb\u00bf/;
