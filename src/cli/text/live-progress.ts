/** The live area of a terminal. It is loaded only for a terminal, since nothing else needs its libraries. */
import type { Writable } from 'node:stream';
import { Chalk, chalkStderr, type ChalkInstance } from 'chalk';
import ora, { type Ora } from 'ora';
import type { CliContext } from '../context.js';
import { describeEvent, ImageState, type LayerState } from './image-state.js';
import type { Progress } from './progress.js';
import { formatBytes, plural } from './units.js';

/** Milliseconds between two texts. ora redraws by itself, so more frequent texts would only cost time. */
const REDRAW_MS = 80;
/** Lines of the live area: layers in flight are few, but a terminal can be small. */
const MAX_BARS = 12;

/** A spinner, what the image is at, and one line of bars for each layer that is under way. */
export function liveProgress(stream: Writable, context: CliContext): Progress {
  const colour = new Chalk({ level: context.env['NO_COLOR'] ? 0 : chalkStderr.level });
  const spinner: Ora = ora({ stream, isEnabled: true, discardStdin: false, text: 'looking at the source' });
  spinner.start();
  let image: ImageState | undefined;
  let drawn = 0;
  /** The times at which failed requests are made again. */
  let waits: readonly number[] = [];
  /** Prints a line that stays, above the live area. */
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
          // The note goes when the wait is over, even if no other event comes.
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

function bar(share: number, width: number, colour: Pick<ChalkInstance, 'cyan' | 'dim'>): string {
  const full = Math.round(share * width);
  return colour.cyan('█'.repeat(full)) + colour.dim('░'.repeat(width - full));
}
