/** The progress of a conversion on a terminal. It is loaded only for a terminal, since nothing else needs it. */
import { Chalk, type ChalkInstance } from 'chalk';
import type { Stage } from '../../reporter.js';
import type { CliContext } from '../context.js';
import { textWidth } from './columns.js';
import { describeEvent, type ImageState, type LayerState, STAGES } from './image-state.js';
import { type AreaLine, LiveArea, type Terminal } from './live-area.js';
import { colourLevel } from './colours.js';
import { painted } from './paint.js';
import { printLine, printMessage } from './print.js';
import { printable, shortened } from './printable.js';
import type { Progress } from './progress.js';
import { ReadState } from './read-state.js';
import { RunState } from './run-state.js';
import { formatBytes, formatMs, plural } from './units.js';

/** Milliseconds between two drawings, of which each turns the spinner by one. */
const REDRAW_MS = 80;
/** Lines of bars: layers in flight are few, but a terminal can be small. */
const MAX_BARS = 12;
const SPINNER = ['⠋', '⠙', '⠹', '⠸', '⠼', '⠴', '⠦', '⠧', '⠇', '⠏'] as const;

/** Lines above the bars: one with the total, and below it one for each layer that is under way. Images that are done stay on the screen. */
export function liveProgress(
  terminal: Terminal,
  context: CliContext,
  clock: () => number = () => performance.now(),
): Progress {
  const colour = new Chalk({ level: colourLevel(context, 'stderr') });
  const started = clock();
  const run = new RunState(started);
  const reads = new ReadState(started);
  let turns = 0;
  /** The times at which failed requests are made again. */
  let waits: readonly number[] = [];
  const area = new LiveArea(terminal, (columns) => {
    const now = clock();
    waits = waits.filter((until) => until > now);
    const { image } = run;
    const parts = [...(image === undefined || reads.isReading ? reads : run).parts(now)];
    // A person who sees that nothing moves must see why.
    if (waits.length > 0) parts.splice(1, 0, `${plural(waits.length, 'request')} waiting to be tried again`);
    const text = fitting(parts.map(printable), columns - 2);
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
        const now = clock();
        const ended = run.add(event, now);
        if (ended !== undefined) printLine(context.stderr, endLine(ended, now, colour));
        reads.add(event);
        if (event.type === 'warning') printMessage(context, `warning: ${shortened(event.message)}`);
        if (event.type === 'retry') {
          printLine(context.stderr, painted(colour.yellow, describeEvent(event, 0) ?? ''));
          waits = [...waits, now + event.delayMs];
        }
      },
    },
    namesLayers: false,
    stop: () => {
      clearInterval(timer);
      area.stop();
    },
  };
}

function endLine(
  { platform, layers, total, started }: ImageState,
  now: number,
  colour: ChalkInstance,
): string {
  return `${painted(colour.green, '✓')} ${platform}: ${plural(layers.length, 'layer')}, ${formatBytes(total)} in ${formatMs(now - started)}`;
}

/** The parts that fit into the line, the more important before the others, and the first of them in any case. */
function fitting(parts: readonly string[], columns: number): string {
  let text = parts[0] ?? '';
  for (const part of parts.slice(1)) {
    const longer = `${text} · ${part}`;
    if (textWidth(longer) <= columns) text = longer;
  }
  return text;
}

function barLines(image: ImageState, columns: number, colour: ChalkInstance): readonly AreaLine[] {
  const stages = image.hasCopies ? [...STAGES, 'copy' as const] : STAGES;
  return image.layers
    .map((layer, i) => ({ layer, place: `${i + 1}/${image.layers.length}` }))
    .filter(({ layer }) => layer.underWay)
    .slice(0, MAX_BARS)
    .map(({ layer, place }) => ({
      plain: barLine({ layer, place, stages }, columns, (_, text) => text),
      coloured: barLine({ layer, place, stages }, columns, (name, text) => painted(colour[name], text)),
    }));
}

type Paint = (colour: 'cyan' | 'dim', text: string) => string;

/** Cells of a line beside its bars: place, name, size and the blanks between them. */
const BESIDE_BARS = 35;
/** The same without the name, for a narrow terminal. */
const BESIDE_NARROW_BARS = 21;
/** A label, and the blank behind it. */
const LABEL = 5;
const MIN_BAR = 4;
const MAX_BAR = 20;

interface Bars {
  readonly layer: LayerState;
  readonly place: string;
  readonly stages: readonly Stage[];
}

function barLine({ layer, place, stages }: Bars, columns: number, paint: Paint): string {
  const isNarrow = columns < BESIDE_BARS + stages.length * (LABEL + MIN_BAR);
  const beside = isNarrow ? BESIDE_NARROW_BARS + stages.length : BESIDE_BARS + stages.length * LABEL;
  const room = Math.floor((columns - beside) / stages.length);
  const width = Math.max(MIN_BAR, Math.min(MAX_BAR, room));
  const bars = stages.map((stage) => {
    const label = isNarrow ? '' : `${stage} `;
    // Not every layer of an image is copied.
    const isNone = stage === 'copy' && !layer.hasCopy;
    return isNone ? ' '.repeat(label.length + width) : `${label}${bar(layer.share(stage), width, paint)}`;
  });
  const name = isNarrow ? '' : `${paint('dim', layer.name)} `;
  return `  ${place.padStart(7)} ${name}${bars.join(' ')} ${formatBytes(layer.size).padStart(8)}`;
}

function bar(share: number, width: number, paint: Paint): string {
  const full = Math.round(share * width);
  return paint('cyan', '█'.repeat(full)) + paint('dim', '░'.repeat(width - full));
}
