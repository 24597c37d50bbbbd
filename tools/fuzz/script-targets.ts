/** Targets in TypeScript. Each runs in a process of its own, since a fault may end it. */
import { fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { corpusFile, corpusLine, keepInputs, readCorpus } from '../../test/support/fuzz/corpus.js';
import { fuzz } from '../../test/support/fuzz/fuzz.js';
import { fuzzTargets } from '../../test/support/fuzz/targets.js';
import type { Report } from './report.js';

interface Answer extends Pick<Report, 'executions' | 'faults'> {
  /** In base64. */
  readonly found: readonly string[];
}

export function scriptTargetNames(): readonly string[] {
  return fuzzTargets().map(({ name }) => name);
}

/** Runs a target in a new process. */
export async function runScriptTarget(name: string, milliseconds: number, seed: number): Promise<Report> {
  const child = fork(fileURLToPath(import.meta.url), [name, String(milliseconds), String(seed)]);
  const { executions, faults, found } = await new Promise<Answer>((resolve) => {
    let answer: Answer | undefined;
    child.on('message', (message) => {
      answer = message as Answer; // as the child below sends it
    });
    child.on('exit', (code, signal) => {
      const reason = `the process ended with ${signal ?? code}; again: --targets '${name}' --seed ${seed}`;
      resolve(answer ?? { executions: 0, faults: [{ input: '', reason }], found: [] });
    });
  });
  const keep = (): Promise<void> =>
    keepInputs(
      corpusFile(name),
      found.map((input) => Buffer.from(input, 'base64')),
    );
  return { name, executions, faults, found: found.length, keep };
}

async function runHere(name: string, milliseconds: number, seed: number): Promise<Answer> {
  const target = fuzzTargets().find((one) => one.name === name);
  if (target === undefined) throw new Error(`there is no target ${name}`);
  // Nobody reads the stacks of errors that readers throw, and making them takes most of the time.
  Error.stackTraceLimit = 0;
  const until = performance.now() + milliseconds;
  const { executions, faults, found } = await fuzz(target, await readCorpus(name), {
    seed,
    until,
    executions: Infinity,
  });
  return {
    executions,
    faults: faults.map(({ input, reason }) => ({ input: corpusLine(input), reason })),
    found: found.map((input) => input.toString('base64')),
  };
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const [name = '', milliseconds, seed] = process.argv.slice(2);
  // The process ends when the answer is gone, although threads of the addon may still wait.
  process.send?.(await runHere(name, Number(milliseconds), Number(seed)), () => process.exit());
}
