/**
 * Events as a person or a program wants to see them: a live area on a terminal, plain lines elsewhere, JSON lines on request.
 * All of it goes to stderr or a log file; results are none of its business. Loaded when a command starts to work.
 */
import { Writable } from 'node:stream';
import { Chalk, chalkStderr, type ChalkInstance } from 'chalk';
import ora, { type Ora } from 'ora';
import { digestHex } from '../oci/digest.js';
import { type ConvertEvent, type Reporter, type Stage } from '../reporter.js';
import { type CliContext, type Output } from './context.js';
import { type ProgressMode } from './options.js';
import { formatBytes, formatMs, plural } from './units.js';

export interface Progress {
  readonly reporter: Reporter;
  /** Leaves the terminal as it was; idempotent. */
  stop(): void;
}

/** `output` is where lines go: stderr, or a log file, which is no terminal. */
export function openProgress(
  mode: ProgressMode,
  context: CliContext,
  output: Output = context.stderr,
): Progress {
  const terminal = output === context.stderr && context.isTTY && context.stderr instanceof Writable;
  const effective = mode === 'auto' ? (terminal ? 'tty' : 'plain') : mode;
  switch (effective) {
    case 'none':
      // What the user must know is no progress.
      return { reporter: warningsOnly(output), stop: () => undefined };
    case 'json':
      return { reporter: jsonLines(output), stop: () => undefined };
    case 'tty':
      if (context.stderr instanceof Writable) return liveProgress(context.stderr, context);
      return plainProgress(output);
    case 'plain':
      return plainProgress(output);
  }
}

function plainProgress(output: Output): Progress {
  return { reporter: plainLines(output, () => performance.now()), stop: () => undefined };
}

interface LayerState {
  readonly size: number;
  readonly name: string;
  readonly done: Map<Stage, number>;
  blobBytes: number;
  finished: boolean;
}

/** What an image's events add up to. */
class ImageState {
  readonly platform: string;
  readonly layers: readonly LayerState[];

  constructor(event: ConvertEvent & { readonly type: 'image.start' }) {
    this.platform = event.platform;
    this.layers = event.layers.map(({ digest, size }) => ({
      size,
      name: digestHex(digest).slice(0, 12),
      done: new Map(),
      blobBytes: 0,
      finished: false,
    }));
  }

  add(event: ConvertEvent): void {
    if (event.type === 'layer.progress') {
      const layer = this.layers[event.layer];
      layer?.done.set(event.stage, event.done);
      if (layer !== undefined && event.stage === 'push') layer.blobBytes = event.total;
    } else if (event.type === 'layer.done') {
      const layer = this.layers[event.layer];
      // A layer that the image lists twice is converted once.
      const name = layer?.name;
      for (const same of this.layers) if (same.name === name) same.finished = true;
    }
  }

  get total(): number {
    return this.layers.reduce((sum, { size }) => sum + size, 0);
  }

  get pulled(): number {
    return this.layers.reduce(
      (sum, { done, finished, size }) => sum + (finished ? size : (done.get('pull') ?? 0)),
      0,
    );
  }

  get finished(): number {
    return this.layers.filter(({ finished }) => finished).length;
  }
}

/** One line for what is worth one; undefined for the rest. */
export function describeEvent(event: ConvertEvent, layerCount: number): string | undefined {
  switch (event.type) {
    case 'resolved':
      return `source ${event.source} is ${event.manifest.digest}`;
    case 'image.start': {
      const bytes = event.layers.reduce((sum, { size }) => sum + size, 0);
      return `converting ${event.platform}: ${plural(event.layers.length, 'layer')}, ${formatBytes(bytes)}`;
    }
    case 'layer.done': {
      const { sourceBytes, blobBytes, newChunks, chunks } = event.stats;
      const place = `layer ${event.layer + 1} of ${layerCount}`;
      const duplicates = chunks - newChunks;
      const saved = duplicates === 0 ? '' : `, ${plural(duplicates, 'duplicate')}`;
      return `${place}: ${formatBytes(sourceBytes)} to a blob of ${formatBytes(blobBytes)}, ${plural(chunks, 'chunk')}${saved} (${event.outcome})`;
    }
    case 'step':
      return event.message;
    case 'retry': {
      const cause = event.cause instanceof Error ? event.cause.message : String(event.cause);
      return `${event.what}: attempt ${event.attempt} failed (${cause}); again in ${formatMs(event.delayMs)}`;
    }
    case 'warning':
      return `warning: ${event.message}`;
    case 'layer.progress':
    case 'image.stages':
      return undefined;
  }
}

function warningsOnly(output: Output): Reporter {
  return {
    emit: (event) => {
      if (event.type === 'warning') output.write(`warning: ${event.message}\n`);
    },
  };
}

/** A sign of life for whoever reads the log of a long run. */
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
      output.write(`${line}\n`);
    },
  };
}

/** Often enough for a bar. */
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
      output.write(`${JSON.stringify({ time: new Date(now()).toISOString(), ...plain })}\n`);
    },
  };
}

/** ora redraws by itself; more text than that a second is work for nobody. */
const REDRAW_MS = 80;
/** Lines of the live area: layers in flight are few, but a terminal can be small. */
const MAX_BARS = 12;

/** A spinner, what the image is at, and one line of bars for each layer that is under way. */
function liveProgress(stream: Writable, context: CliContext): Progress {
  const colour = new Chalk({ level: context.env['NO_COLOR'] ? 0 : chalkStderr.level });
  const spinner: Ora = ora({ stream, isEnabled: true, discardStdin: false, text: 'looking at the source' });
  spinner.start();
  let image: ImageState | undefined;
  let drawn = 0;
  /** When requests that failed are made again. */
  let waits: readonly number[] = [];
  /** Says something that stays, above the live area. */
  const say = (line: string): void => {
    spinner.clear();
    stream.write(`${line}\n`);
    spinner.render();
  };
  const redraw = (): void => {
    if (image === undefined) return;
    drawn = performance.now();
    waits = waits.filter((until) => until > drawn);
    spinner.text = liveText(image, waits.length, context.columns, colour);
  };
  const timers = new Set<NodeJS.Timeout>();
  return {
    reporter: {
      emit: (event) => {
        if (event.type === 'image.start') image = new ImageState(event);
        else image?.add(event);
        if (event.type === 'warning') say(`${colour.yellow('warning:')} ${event.message}`);
        if (event.type === 'retry') {
          say(colour.yellow(describeEvent(event, 0) ?? ''));
          waits = [...waits, performance.now() + event.delayMs];
          // When the wait is over it is said no more, also when nothing else happens.
          timers.add(setTimeout(redraw, event.delayMs + 1).unref());
        }
        if (event.type === 'step') spinner.text = event.message;
        if (event.type === 'layer.progress' && performance.now() - drawn < REDRAW_MS) return;
        redraw();
      },
    },
    stop: () => {
      for (const timer of timers) clearTimeout(timer);
      spinner.stop();
    },
  };
}

function liveText(image: ImageState, waiting: number, columns: number, colour: ChalkInstance): string {
  const count = image.layers.length;
  const waits = waiting === 0 ? '' : `, ${plural(waiting, 'request')} waiting to be tried again`;
  const head = `${image.platform}: ${image.finished} of ${plural(count, 'layer')} done, pulled ${formatBytes(image.pulled)} of ${formatBytes(image.total)}${waits}`;
  const active = image.layers
    .map((layer, i) => ({ layer, place: i + 1 }))
    .filter(({ layer }) => !layer.finished && layer.done.size > 0)
    .slice(0, MAX_BARS);
  return [
    head,
    ...active.map(({ layer, place }) => barLine(layer, `${place}/${count}`, columns, colour)),
  ].join('\n');
}

function barLine(layer: LayerState, place: string, columns: number, colour: ChalkInstance): string {
  // Place, name, three labels with their blanks; what is left goes to the bars.
  const width = Math.max(4, Math.min(20, Math.floor((columns - 52) / 3)));
  const bars = (['pull', 'pack', 'push'] as const).map((stage) => {
    const total = stage === 'push' ? layer.blobBytes : layer.size;
    const share = total === 0 ? 0 : Math.min(1, (layer.done.get(stage) ?? 0) / total);
    return `${stage} ${bar(share, width, colour)}`;
  });
  return `  ${place.padStart(7)} ${colour.dim(layer.name)} ${bars.join(' ')} ${formatBytes(layer.size).padStart(8)}`;
}

export function bar(share: number, width: number, colour: Pick<ChalkInstance, 'cyan' | 'dim'>): string {
  const full = Math.round(share * width);
  return colour.cyan('█'.repeat(full)) + colour.dim('░'.repeat(width - full));
}
