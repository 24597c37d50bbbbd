/** Verdicts of the upstream reader over many variants of one bootstrap, in few processes. */
import { spawn } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { createInterface } from 'node:readline';
import { type Edit } from './mutations.js';
import { type Tool } from './tools.js';

/** `crash`: a panic, or the end of the process; `hang`: nothing for twenty seconds. */
export type ReferenceVerdict = 'accepted' | 'refused' | 'crash' | 'hang';

const PATIENCE_MS = 20_000;

/** `file`: where the base may be written. The verdicts come in the order of the variants. */
export async function referenceVerdicts(
  tool: Tool & { readonly path: string },
  base: Uint8Array,
  variants: readonly (readonly Edit[])[],
  file: string,
): Promise<ReferenceVerdict[]> {
  await writeFile(file, base);
  const verdicts: ReferenceVerdict[] = [];
  while (verdicts.length < variants.length) {
    const lines = variants.slice(verdicts.length).map(lineOf).join('\n');
    const ended = await runBatch(tool.path, file, `${lines}\n`, verdicts);
    if (verdicts.length < variants.length) verdicts.push(ended);
  }
  return verdicts;
}

function lineOf(edits: readonly Edit[]): string {
  return edits.map((edit) => `${edit[0]}:${edit[1]}`).join(' ');
}

/** Why it ended. */
async function runBatch(
  program: string,
  file: string,
  input: string,
  verdicts: ReferenceVerdict[],
): Promise<'crash' | 'hang'> {
  const child = spawn(program, ['check-batch', file], { stdio: ['pipe', 'pipe', 'ignore'] });
  let ended: 'crash' | 'hang' = 'crash';
  const timer = setTimeout(() => {
    ended = 'hang';
    child.kill('SIGKILL');
  }, PATIENCE_MS);
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
