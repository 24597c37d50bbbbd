/** Verdicts of the upstream reader over many variants of one bootstrap, in few processes. */
import { spawn } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { createInterface } from 'node:readline';
import type { Edit } from '../damage/mutations.js';
import type { Tool } from './tools.js';

/** `crash`: a panic, or the end of the process; `hang`: nothing for a while. */
export type ReferenceVerdict = 'accepted' | 'refused' | 'crash' | 'hang';

const PATIENCE_MS = 2000;
/** For those that should be accepted: then it was the machine that was busy. */
const MUCH_PATIENCE_MS = 20_000;
/** It makes room for whatever a count says: with a limit that ends at once. KiB. */
const LIMITED = 'ulimit -c 0; ulimit -v 1048576; exec "$0" "$@"';

/**
 * `file`: where the base may be written. The verdicts come in the order of the variants. One that hangs is asked again, with
 * more patience, when `accepted` by us.
 */
export async function referenceVerdicts(
  tool: Tool & { readonly path: string },
  base: Uint8Array,
  {
    variants,
    accepted,
  }: { readonly variants: readonly (readonly Edit[])[]; readonly accepted: (index: number) => boolean },
  file: string,
): Promise<ReferenceVerdict[]> {
  await writeFile(file, base);
  const verdicts: ReferenceVerdict[] = [];
  const ask = (lines: readonly string[], patienceMs: number): Promise<'crash' | 'hang'> =>
    runBatch([tool.path, 'check-batch', file], `${lines.join('\n')}\n`, verdicts, patienceMs);
  while (verdicts.length < variants.length) {
    const first = verdicts.length;
    let ended = await ask(variants.slice(first).map(lineOf), PATIENCE_MS);
    const next = verdicts.length;
    if (ended === 'hang' && accepted(next)) {
      ended = await ask(variants.slice(next, next + 1).map(lineOf), MUCH_PATIENCE_MS);
      if (verdicts.length > next) continue;
    }
    if (verdicts.length < variants.length) verdicts.push(ended);
  }
  return verdicts;
}

function lineOf(edits: readonly Edit[]): string {
  return edits.map((edit) => `${edit[0]}:${edit[1]}`).join(' ');
}

/** Why it ended. */
async function runBatch(
  command: readonly string[],
  input: string,
  verdicts: ReferenceVerdict[],
  patienceMs: number,
): Promise<'crash' | 'hang'> {
  const child = spawn('sh', ['-c', LIMITED, ...command], {
    stdio: ['pipe', 'pipe', 'ignore'],
  });
  let ended: 'crash' | 'hang' = 'crash';
  const timer = setTimeout(() => {
    ended = 'hang';
    child.kill('SIGKILL');
  }, patienceMs);
  // It may end before it has read all.
  child.stdin.on('error', () => undefined);
  child.stdin.end(input);
  for await (const line of createInterface({ input: child.stdout })) {
    verdicts.push(line === 'accepted' || line === 'refused' ? line : 'crash');
    timer.refresh();
  }
  clearTimeout(timer);
  return ended;
}
