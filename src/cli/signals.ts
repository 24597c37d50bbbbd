/** Signals that stop a run, but for those that the caller wants to be ignored. */
import { constants as fsConstants, readFileSync, readlinkSync } from 'node:fs';
import { constants } from 'node:os';
import { basename } from 'node:path';
import { type Environment, given } from '../io/variables.js';

/** SIGHUP comes when a terminal is closed. SIGTERM stops a run whatever the caller makes of it, so that it always can be stopped. */
const STOPPING = ['SIGTERM', 'SIGINT', 'SIGHUP'] as const;

/** Signals that stay ignored if the caller ignores them. */
const INHERITED = [
  'SIGINT',
  'SIGHUP',
  'SIGQUIT',
  'SIGTSTP',
  'SIGTTIN',
  'SIGTTOU',
  'SIGALRM',
  'SIGUSR1',
  'SIGUSR2',
] as const;

/** Set by `bin/nydusify`: the mask of ignored signals in hexadecimal digits, as in /proc/PID/status. */
const NOTED_MASK = 'NYDUSIFY_IGNORED_SIGNALS';

/**
 * The signals that the caller ignores, as `nohup` does and shells do for jobs in the background. Node sets every disposition back
 * before any of our code runs, so the process itself no longer knows. `bin/nydusify` notes them before it starts Node. Without that
 * note (`node bin/nydusify.js`, or a system without /proc) there are only clues.
 */
function ignoredSignals(env: Environment): ReadonlySet<NodeJS.Signals> {
  const noted = given(env, NOTED_MASK);
  if (noted !== undefined) return new Set(INHERITED.filter((name) => holds(noted, name)));
  const ignored = new Set<NodeJS.Signals>(ignoredByParent());
  if (underNohup(env)) ignored.add('SIGHUP');
  return ignored;
}

function holds(mask: string, name: NodeJS.Signals): boolean {
  if (!/^[0-9a-f]+$/i.test(mask)) return false;
  return ((BigInt(`0x${mask}`) >> BigInt(constants.signals[name] - 1)) & 1n) === 1n;
}

const SHELLS = new Set(['ash', 'bash', 'busybox', 'dash', 'ksh', 'mksh', 'sh', 'zsh']);

/** A parent that ignores a signal mostly has children that do. None where there is no /proc, as on macOS. */
function ignoredByParent(): readonly NodeJS.Signals[] {
  try {
    const status = readFileSync(`/proc/${process.ppid}/status`, 'utf8');
    const mask = /^SigIgn:\s*([0-9a-f]+)$/m.exec(status)?.[1] ?? '0';
    const name = /^Name:\s*(.*)$/m.exec(status)?.[1] ?? '';
    // system(3) ignores SIGINT and SIGQUIT while it waits for a child that does not.
    const waits = holds(mask, 'SIGINT') && holds(mask, 'SIGQUIT') && !SHELLS.has(name);
    const signals = waits ? (['SIGHUP'] as const) : (['SIGHUP', 'SIGINT'] as const);
    return signals.filter((signal) => holds(mask, signal));
  } catch {
    return [];
  }
}

/** Shells name the program that they start in `_`, and `nohup` replaces a terminal by a null device that cannot be read. */
function underNohup(env: Environment): boolean {
  if (basename(given(env, '_') ?? '') === 'nohup') return true;
  try {
    const flags = /^flags:\s*([0-7]+)$/m.exec(readFileSync('/proc/self/fdinfo/0', 'utf8'))?.[1] ?? '0';
    const writeOnly = (Number.parseInt(flags, 8) & 3) === fsConstants.O_WRONLY;
    return writeOnly && readlinkSync('/proc/self/fd/0') === '/dev/null';
  } catch {
    return false;
  }
}

/** Lets `onStop` take the signals that stop a run, and keeps the ignored ones ignored. Undone by the function that it returns. */
export function handleSignals(env: Environment, onStop: (name: NodeJS.Signals) => void): () => void {
  const ignored = ignoredSignals(env);
  const handlers = new Map<NodeJS.Signals, (name: NodeJS.Signals) => void>();
  for (const name of ignored) handlers.set(name, ignore);
  for (const name of STOPPING) if (!ignored.has(name)) handlers.set(name, onStop);
  for (const [name, handler] of handlers) process.on(name, handler);
  return () => {
    for (const [name, handler] of handlers) if (handler !== ignore) process.off(name, handler);
  };
}

function ignore(): void {
  // A signal with a handler does not end the process.
}
