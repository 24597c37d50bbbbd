/** The progress of a conversion on a terminal. It is loaded only for a terminal, since nothing else needs it. */
import { Chalk, type ChalkInstance } from 'chalk';
import type { CliContext } from '../context.js';
import { describeEvent, ImageState, type LayerState } from './image-state.js';
import { type AreaLine, LiveArea, type Terminal } from './live-area.js';
import { colourLevel } from './colours.js';
import { painted } from './paint.js';
import { printLine } from './print.js';
import { printable } from './printable.js';
import type { Progress } from './progress.js';
import { shortened } from './printable.js';
import { formatBytes, plural } from './units.js';

/** Milliseconds between two drawings, of which each turns the spinner by one. */
const REDRAW_MS = 80;
/** Lines of bars: layers in flight are few, but a terminal can be small. */
const MAX_BARS = 12;
const SPINNER = ['⠋', '⠙', '⠹', '⠸', '⠼', '⠴', '⠦', '⠧', '⠇', '⠏'] as const;

/** A spinner, what the image is at, and one line of bars for each layer that is under way. */
export function liveProgress(terminal: Terminal, context: CliContext): Progress {
  const colour = new Chalk({ level: colourLevel(context, 'stderr') });
  let image: ImageState | undefined;
  let step = 'looking at the source';
  let turns = 0;
  /** The times at which failed requests are made again. */
  let waits: readonly number[] = [];
  const area = new LiveArea(terminal, (columns) => {
    const now = performance.now();
    waits = waits.filter((until) => until > now);
    const text = image === undefined ? printable(step) : headText(image, waits.length);
    const spinner = SPINNER[turns % SPINNER.length] ?? '';
    const head = { plain: `${spinner} ${text}`, coloured: `${painted(colour.cyan, spinner)} ${text}` };
    return [head, ...(image === undefined ? [] : barLines(image, columns, colour))];
  });
  const timer = setInterval(() => {
    turns += 1;
    area.draw();
  }, REDRAW_MS).unref();
  return {
    reporter: {
      emit: (event) => {
        if (event.type === 'image.start') image = new ImageState(event);
        else image?.add(event);
        if (event.type === 'step') step = event.message;
        if (event.type === 'warning')
          printLine(context.stderr, `${painted(colour.yellow, 'warning:')} ${shortened(event.message)}`);
        if (event.type === 'retry') {
          printLine(context.stderr, painted(colour.yellow, describeEvent(event, 0) ?? ''));
          waits = [...waits, performance.now() + event.delayMs];
        }
      },
    },
    stop: () => {
      clearInterval(timer);
      area.stop();
    },
  };
}

function headText(image: ImageState, waiting: number): string {
  const waits = waiting === 0 ? '' : `, ${plural(waiting, 'request')} waiting to be tried again`;
  const { platform, finished, layers, pulled, total } = image;
  return printable(
    `${platform}: ${finished} of ${plural(layers.length, 'layer')} done, pulled ${formatBytes(pulled)} of ${formatBytes(total)}${waits}`,
  );
}

function barLines(image: ImageState, columns: number, colour: ChalkInstance): readonly AreaLine[] {
  return image.layers
    .map((layer, i) => ({ layer, place: `${i + 1}/${image.layers.length}` }))
    .filter(({ layer }) => !layer.finished && layer.done.size > 0)
    .slice(0, MAX_BARS)
    .map(({ layer, place }) => ({
      plain: barLine(layer, place, columns, (_, text) => text),
      coloured: barLine(layer, place, columns, (name, text) => painted(colour[name], text)),
    }));
}

type Paint = (colour: 'cyan' | 'dim', text: string) => string;

/** Cells of a line beside its three bars: place, name, labels, size and the blanks between them. */
const BESIDE_BARS = 50;

function barLine(layer: LayerState, place: string, columns: number, paint: Paint): string {
  const width = Math.max(4, Math.min(20, Math.floor((columns - BESIDE_BARS) / 3)));
  const bars = (['pull', 'pack', 'push'] as const).map((stage) => {
    const total = stage === 'push' ? layer.blobBytes : layer.size;
    const share = total === 0 ? 0 : Math.min(1, (layer.done.get(stage) ?? 0) / total);
    return `${stage} ${bar(share, width, paint)}`;
  });
  return `  ${place.padStart(7)} ${paint('dim', layer.name)} ${bars.join(' ')} ${formatBytes(layer.size).padStart(8)}`;
}

function bar(share: number, width: number, paint: Paint): string {
  const full = Math.round(share * width);
  return paint('cyan', '█'.repeat(full)) + paint('dim', '░'.repeat(width - full));
}
