/** Where prefetch lists come from: files, and standard input if a flag or a word asks for it. */
import { readFileSync } from 'node:fs';
import { UsageError } from '../errors.js';
import { systemReason } from '../io/system-error.js';
import { MAX_LIST_BYTES } from '../prefetch/read.js';
import type { CliContext } from './context.js';
import type { ListFiles } from './flags/prefetch-list.js';

/** Without standard input, or with one that is closed, what comes from it is empty. */
export async function listFiles(asksForInput: boolean, { input, signal }: CliContext): Promise<ListFiles> {
  const text = asksForInput ? await input?.readAll(MAX_LIST_BYTES, signal) : undefined;
  return { fileBytes, standardInput: () => text ?? Buffer.alloc(0) };
}

function fileBytes(path: string): Buffer {
  try {
    return readFileSync(path);
  } catch (cause) {
    throw new UsageError(`cannot read ${path}: ${systemReason(cause)}`, { cause });
  }
}
