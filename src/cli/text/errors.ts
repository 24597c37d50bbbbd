/** Errors for a terminal: what failed, and what to try. Causes and stacks are shown on request. */
import { CommanderError } from 'commander';
import { withPaintedWord } from './colours.js';
import { terminalLine } from './paint.js';
import { printable, shortened } from './printable.js';
import { adviceText, type RunningCommand } from './remedies.js';
import {
  InternalError,
  InterruptedError,
  InvalidReferenceError,
  LocalIoError,
  NydusError,
  UsageError,
} from '../../errors.js';

export interface ErrorDetail {
  readonly verbose: boolean;
  readonly debug: boolean;
}

/** Turns any thrown value into an error of ours. Commander's errors are faults of usage; an unexpected one is a bug of ours. */
export function asNydusError(error: unknown): NydusError {
  if (error instanceof NydusError) return error;
  if (error instanceof CommanderError) {
    return new UsageError(
      error.message.replace(/^error: /, '').replace('\n(Did you mean', ' (did you mean'),
      {
        hint: 'nydusify --help, or nydusify COMMAND --help',
      },
    );
  }
  if (error instanceof Error && error.name === 'AbortError') {
    return new InterruptedError('interrupted', { cause: error });
  }
  if (error instanceof Error && isSystemError(error))
    return new LocalIoError(error.message, { cause: error });
  const message = error instanceof Error ? error.message : String(error);
  return new InternalError(`this is a bug of nydusify: ${message}`, {
    cause: error,
    remedy: { kind: 'report-bug' },
  });
}

function isSystemError(error: Error): boolean {
  return 'syscall' in error && 'code' in error && typeof error.code === 'string' && 'errno' in error;
}

/** Characters: in a longer text no caret can be followed. */
const MAX_FAULT = 1000;

/** A text that does not parse, with a caret below the character at which it went wrong. */
function faultLines(error: NydusError): readonly string[] {
  if (!(error instanceof InvalidReferenceError) || error.fault === undefined) return [];
  const { text, at } = error.fault;
  if (text.length > MAX_FAULT) return [];
  return [`  ${printable(text)}`, `  ${' '.repeat(printable(text.slice(0, at)).length)}^`];
}

/** At most three lines, but for causes, stacks and references. Ends with a line feed. */
export function renderError(
  error: NydusError,
  detail: ErrorDetail,
  command: RunningCommand,
  { coloured }: { readonly coloured: boolean } = { coloured: false },
): string {
  const lines = [`error: ${error.message}`, ...faultLines(error)];
  const advice = adviceText(error, command);
  if (advice !== undefined) lines.push(`hint: ${advice}`);
  if (detail.debug) {
    lines.push(...stacksOf(error));
  } else if (detail.verbose) {
    for (const cause of causesOf(error))
      lines.push(`caused by: ${cause instanceof Error ? cause.message : String(cause)}`);
  }
  const shown = lines.map((line) => printable(shortened(line)));
  return `${(coloured ? shown.map((line) => terminalLine(withPaintedWord(line))) : shown).join('\n')}\n`;
}

function stacksOf(error: NydusError): readonly string[] {
  return [error, ...causesOf(error)].flatMap((one) =>
    one instanceof Error ? [`${one.name}: ${one.message}`, ...framesOf(one)] : [String(one)],
  );
}

/** The lines of a stack without the message, which may hold line breaks from outside. */
function framesOf({ stack = '', message }: Error): readonly string[] {
  const start = stack.indexOf(message);
  const frames = start < 0 ? stack : stack.slice(start + message.length);
  return frames.split('\n').filter((line) => line.startsWith('    at '));
}

/** Outermost first; an AggregateError's errors each with their own causes. */
function causesOf(error: Error): readonly unknown[] {
  const causes: unknown[] = [];
  if (error instanceof AggregateError) {
    for (const one of error.errors as readonly unknown[])
      causes.push(one, ...(one instanceof Error ? causesOf(one) : [])); // typed any[]
  }
  if (error.cause !== undefined) {
    causes.push(error.cause, ...(error.cause instanceof Error ? causesOf(error.cause) : []));
  }
  return causes;
}
