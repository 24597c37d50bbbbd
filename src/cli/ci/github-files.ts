/** Files by which a step of GitHub Actions hands on values. All steps of a job append to them. */
import { closeSync, writeFileSync } from 'node:fs';
import { randomBytes } from 'node:crypto';
import { type Environment, given } from '../../io/variables.js';
import { systemReason } from '../../io/system-error.js';
import type { CliContext } from '../context.js';
import type { FlagValues } from '../flags/flags.js';
import { openOutput } from '../output-file.js';
import { printMessage } from '../text/print.js';
import { ciServer } from './server.js';

/** Hands values to later steps. The work is done by then, so a file that cannot be written costs a warning. */
export function setOutputs(
  values: Readonly<Record<string, string>>,
  flags: FlagValues,
  context: CliContext,
): void {
  const { env } = context;
  const path = ciServer(flags, env) === 'github' ? given(env, 'GITHUB_OUTPUT') : undefined;
  if (path === undefined) return;
  try {
    appendTo(path, Object.entries(values).map(outputText).join(''));
  } catch (cause) {
    printMessage(context, `warning: cannot write $GITHUB_OUTPUT, ${path}: ${systemReason(cause)}`);
  }
}

/** The form for values of several lines. Its delimiter is random, so that no value can end itself and begin another. */
function outputText([name, value]: readonly [string, string]): string {
  const delimiter = `end_${randomBytes(16).toString('hex')}`;
  return `${name}<<${delimiter}\n${value}\n${delimiter}\n`;
}

/** True for the summary of the job, which other steps and commands have written to. */
export function isJobSummary(path: string, env: Environment): boolean {
  return path === given(env, 'GITHUB_STEP_SUMMARY');
}

function appendTo(path: string, text: string): void {
  const file = openOutput(path, 'end');
  try {
    writeFileSync(file, text);
  } finally {
    closeSync(file);
  }
}
