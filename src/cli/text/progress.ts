/**
 * Events as a person or a program wants to see them: a live area on a terminal, plain lines elsewhere, JSON lines on request.
 * All of it goes to stderr or a log file; results are none of its business. Loaded when a command starts to work.
 */
import { type Environment, given } from '../../io/variables.js';
import type { Reporter } from '../../reporter.js';
import type { CliContext, Output } from '../context.js';
import { describeEvent, ImageState } from './image-state.js';
import { printJson, printLine } from './print.js';
import { shortened } from './printable.js';
import type { ProgressMode } from '../flags/options.js';
import { formatBytes } from './units.js';

export interface Progress {
  readonly reporter: Reporter;
  /** Leaves the terminal as it was; idempotent. */
  stop(): void;
}

/** `output` is where lines go: stderr, or a log file, which is no terminal. */
export async function openProgress(
  mode: ProgressMode,
  context: CliContext,
  output: Output = context.stderr,
): Promise<Progress> {
  const terminal = output === context.stderr ? context.terminal : undefined;
  const effective =
    mode === 'auto' ? (terminal !== undefined && isLively(context.env) ? 'tty' : 'plain') : mode;
  switch (effective) {
    case 'none':
      // Warnings are no progress, so they are printed all the same.
      return { reporter: warningsOnly(output), stop: () => undefined };
    case 'json':
      return { reporter: jsonLines(output), stop: () => undefined };
    case 'tty': {
      const { canBeDrawnOn } = await import('./live-area.js');
      if (terminal === undefined || !canBeDrawnOn(terminal)) return plainProgress(output);
      const { liveProgress } = await import('./live-progress.js');
      return liveProgress(terminal, context);
    }
    case 'plain':
      return plainProgress(output);
  }
}

/** False if the output is no terminal that a person watches, or the terminal cannot move its cursor. */
function isLively(env: Environment): boolean {
  const ci = given(env, 'CI');
  if (ci !== undefined && !['0', 'false'].includes(ci.toLowerCase())) return false;
  const terminal = given(env, 'TERM');
  return terminal !== undefined && terminal !== 'dumb';
}

function plainProgress(output: Output): Progress {
  return { reporter: plainLines(output, () => performance.now()), stop: () => undefined };
}

function warningsOnly(output: Output): Reporter {
  return {
    emit: (event) => {
      if (event.type === 'warning') printLine(output, `warning: ${shortened(event.message)}`);
    },
  };
}

/** After so many quiet milliseconds a line shows, in the log of a long run, that the work goes on. */
const QUIET_MS = 10_000;

export function plainLines(output: Output, now: () => number): Reporter {
  let image: ImageState | undefined;
  let last = now();
  return {
    emit: (event) => {
      if (event.type === 'image.start') image = new ImageState(event);
      else image?.add(event);
      let line = describeEvent(event, image?.layers.length ?? 0);
      if (line === undefined && image !== undefined && now() - last >= QUIET_MS) {
        line = `pulled ${formatBytes(image.pulled)} of ${formatBytes(image.total)}`;
      }
      if (line === undefined) return;
      last = now();
      printLine(output, line);
    },
  };
}

/** Milliseconds between two progress events of one layer and stage: enough for a bar. */
const JSON_INTERVAL_MS = 200;

export function jsonLines(output: Output, now: () => number = () => Date.now()): Reporter {
  const last = new Map<string, number>();
  return {
    emit: (event) => {
      if (event.type === 'layer.progress' && event.done < event.total) {
        const key = `${event.platform} ${event.layer} ${event.stage}`;
        if (now() - (last.get(key) ?? 0) < JSON_INTERVAL_MS) return;
        last.set(key, now());
      }
      const plain =
        event.type === 'retry'
          ? { ...event, cause: event.cause instanceof Error ? event.cause.message : String(event.cause) }
          : event;
      printJson(output, { time: new Date(now()).toISOString(), ...plain });
    },
  };
}
