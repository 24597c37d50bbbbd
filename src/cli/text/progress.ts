/**
 * Events as a person or a program wants to see them: a live area on a terminal, plain lines elsewhere, JSON lines on request.
 * All of it goes to stderr or a log file; results are none of its business. Loaded when a command starts to work.
 */
import { type Environment, given } from '../../io/variables.js';
import type { ConvertEvent, Reporter } from '../../reporter.js';
import type { CliContext, Output } from '../context.js';
import { describeEvent } from './image-state.js';
import { printJson, printLine, printMessage } from './print.js';
import { shortened } from './printable.js';
import type { ProgressMode } from '../flags/options.js';
import { ReadState } from './read-state.js';
import { RunState } from './run-state.js';

export interface Progress {
  readonly reporter: Reporter;
  /** True when every layer gets a line that stays. */
  readonly namesLayers: boolean;
  /** Leaves the terminal as it was; idempotent. */
  stop(): void;
}

export async function openProgress(mode: ProgressMode, context: CliContext): Promise<Progress> {
  const { terminal, stderr } = context;
  const effective =
    mode === 'auto' ? (terminal !== undefined && isLively(context.env) ? 'tty' : 'plain') : mode;
  const print = (line: string): void => {
    printMessage(context, line);
  };
  switch (effective) {
    case 'none':
      // Warnings are no progress, so they are printed all the same.
      return { reporter: warningsOnly(print), namesLayers: false, stop: () => undefined };
    case 'json':
      return { reporter: jsonLines(stderr), namesLayers: false, stop: () => undefined };
    case 'tty': {
      const { canBeDrawnOn } = await import('./live-area.js');
      if (terminal === undefined || !canBeDrawnOn(terminal)) return plainProgress(stderr, print);
      const { liveProgress } = await import('./live-progress.js');
      return liveProgress(terminal, context);
    }
    case 'plain':
      return plainProgress(stderr, print);
  }
}

/** False if the output is no terminal that a person watches, or the terminal cannot move its cursor. */
function isLively(env: Environment): boolean {
  const ci = given(env, 'CI');
  if (ci !== undefined && !['0', 'false'].includes(ci.toLowerCase())) return false;
  const terminal = given(env, 'TERM');
  return terminal !== undefined && terminal !== 'dumb';
}

function plainProgress(output: Output, print: (line: string) => void): Progress {
  const lines = plainLines(output, () => performance.now(), print);
  const timer = setInterval(() => {
    lines.tick();
  }, 1000).unref();
  return {
    reporter: lines,
    namesLayers: true,
    stop: () => {
      clearInterval(timer);
    },
  };
}

function warningsOnly(print: (line: string) => void): Reporter {
  return {
    emit: (event) => {
      if (event.type === 'warning') print(`warning: ${shortened(event.message)}`);
    },
  };
}

/** After so many quiet milliseconds a line shows, in the log of a long run, that the work goes on. */
const QUIET_MS = 10_000;

export interface PlainLines extends Reporter {
  /** Prints a sign of life if there was nothing for long. */
  tick(): void;
}

export function plainLines(
  output: Output,
  now: () => number,
  printed: (line: string) => void = (line) => {
    printLine(output, line);
  },
): PlainLines {
  const run = new RunState(now());
  const reads = new ReadState(now());
  let last = now();
  const print = (line: string): void => {
    last = now();
    printed(line);
  };
  return {
    emit: (event) => {
      run.add(event, now());
      reads.add(event);
      const line = describeEvent(event, run.image?.layers.length ?? 0);
      if (line !== undefined) print(line);
    },
    tick: () => {
      const at = now();
      if (at - last < QUIET_MS) return;
      print(run.image === undefined || reads.isReading ? reads.parts(at).join(', ') : run.line(at));
    },
  };
}

/** Milliseconds between two progress events of one layer and stage: enough for a bar. */
const JSON_INTERVAL_MS = 200;

export function jsonLines(output: Output, now: () => number = () => Date.now()): Reporter {
  const last = new Map<string, number>();
  return {
    emit: (event) => {
      if ((event.type === 'layer.progress' || event.type === 'read') && event.done < event.total) {
        const key = event.type === 'read' ? event.digest : `${event.platform} ${event.layer} ${event.stage}`;
        if (now() - (last.get(key) ?? 0) < JSON_INTERVAL_MS) return;
        last.set(key, now());
      }
      const plain =
        event.type === 'retry'
          ? { ...event, cause: event.cause instanceof Error ? event.cause.message : String(event.cause) }
          : event;
      printEvent(output, plain, now());
    },
  };
}

/** The last event of a run that was asked for JSON: its result, or the error that ended it. */
export type LastEvent =
  { readonly type: 'result'; readonly result: object } | { readonly type: 'error'; readonly error: object };

export function printEvent(output: Output, event: LastEvent | ConvertEvent, now: number = Date.now()): void {
  printJson(output, { time: new Date(now).toISOString(), ...event });
}
