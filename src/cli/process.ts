/** The process as a context, and the outcome of a command as its exit code. */
import { setTimeout as sleep } from 'node:timers/promises';
import { InterruptedError } from '../errors.js';
import { given } from '../io/variables.js';
import { redactUrls } from '../registry/http/redact.js';
import type { ServiceSignals } from './context.js';
import { main } from './main.js';
import { handleSignals } from './signals.js';
import { StandardInput } from './standard-input.js';
import { StandardStream, UnwritableError } from './standard-stream.js';
import { asNydusError, renderError } from './text/errors.js';
import { printLine } from './text/print.js';

const INTERRUPTED_EXIT = 130;
const UNWRITABLE_EXIT = 6;
/** A run that was stopped may tidy up for so many milliseconds; then it ends whatever it waits for. */
const GRACE_MS = 20_000;
/** The time that a terminal or a pipe has to take the last line of a run that was stopped. */
const LAST_LINE_MS = 1000;

const PLAIN = { verbose: false, debug: false };
const NO_COMMAND = { name: '', flags: [] };

/** Another program than `nydusify` may run in the same way. */
export async function runProcess(program = main): Promise<void> {
  if (given(process.env, 'NODE_DEBUG') !== undefined) hideSignatures(process.stderr);
  const stop = new AbortController();
  const stderr = new StandardStream('standard error', process.stderr, () => {
    // A stderr that cannot be written costs the progress, not the work; the exit code tells.
  });
  const stdout = new StandardStream('standard output', process.stdout, (error) => {
    stop.abort(error);
  });
  if (given(process.env, 'NYDUSIFY_OUTPUT_CLOSED') !== undefined) stdout.close();
  process.on('uncaughtException', (error) => {
    stderr.write(renderError(asNydusError(error), { verbose: true, debug: true }, NO_COMMAND));
    process.exit(asNydusError(error).exitCode);
  });
  let service: ServiceSignals | undefined;
  let isStopping = false;
  const release = handleSignals(process.env, (name) => {
    if (service !== undefined && name === 'SIGHUP') {
      service.reload();
      return;
    }
    if (service !== undefined && !isStopping) {
      isStopping = true;
      service.stop();
      return;
    }
    if (service?.hurry !== undefined) {
      service.hurry();
      return;
    }
    if (isStopping) process.exit(INTERRUPTED_EXIT);
    if (stop.signal.aborted) process.exit(INTERRUPTED_EXIT);
    stop.abort(new InterruptedError('interrupted'));
    printLine(stderr, 'note: stopping; once more to quit at once');
    setTimeout(() => process.exit(INTERRUPTED_EXIT), GRACE_MS).unref();
  });
  const code = await program(process.argv.slice(2), {
    stdout,
    writeBytes: (bytes) => stdout.writeBytes(bytes),
    stderr,
    env: process.env,
    input: new StandardInput(() => process.stdin, stderr),
    ...(stderr.terminal === undefined ? {} : { terminal: stderr.terminal }),
    stdoutIsTTY: process.stdout.isTTY,
    columns: process.stdout.columns || 80,
    signal: stop.signal,
    takeSignals: (taken) => {
      service = taken;
    },
    exitCode: 0,
  });
  // A reader that has stopped reading must not hold up a run that a signal stops.
  if (!stop.signal.aborted) await Promise.race([stdout.settled(), aborted(stop.signal)]);
  release();
  const interrupted = stop.signal.reason instanceof InterruptedError;
  process.exitCode = interrupted && code <= 1 ? INTERRUPTED_EXIT : exitCode(code, stdout, stderr);
  if (!stop.signal.aborted) return;
  await Promise.race([stderr.settled(), sleep(LAST_LINE_MS)]);
  process.exit();
}

async function aborted(signal: AbortSignal): Promise<void> {
  await new Promise<void>((resolve) => {
    signal.addEventListener('abort', () => {
      resolve();
    });
  });
}

/** An answer that could not be written is none, so its 0 or 1 becomes 6; a failure keeps the code that says more. */
function exitCode(code: number, stdout: StandardStream, stderr: StandardStream): number {
  const lost = stdout.failure;
  if (lost instanceof UnwritableError && (code <= 1 || code === UNWRITABLE_EXIT)) {
    stderr.write(renderError(lost, PLAIN, NO_COMMAND));
    return UNWRITABLE_EXIT;
  }
  return code === 0 && stderr.failure instanceof UnwritableError ? UNWRITABLE_EXIT : code;
}

/**
 * `NODE_DEBUG` makes Node's HTTP client print URLs as they are, with the signatures of storage URLs, at times and places that are
 * not ours: they are taken out where all of it goes through.
 */
function hideSignatures(stream: NodeJS.WriteStream): void {
  const write = stream.write.bind(stream) as (...args: readonly unknown[]) => boolean; // whichever of its three forms is called
  stream.write = (chunk: Uint8Array | string, ...rest: readonly unknown[]): boolean =>
    write(typeof chunk === 'string' ? redactUrls(chunk) : chunk, ...rest);
}
