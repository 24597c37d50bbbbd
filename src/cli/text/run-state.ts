/** The progress of a whole run: what is done of all images, how fast, and how long the rest will take. */
import type { ConvertEvent, Stage } from '../../reporter.js';
import { ImageState, placeOf, STAGES } from './image-state.js';
import { Speed } from './speed.js';
import { formatBytes, formatMs, plural } from './units.js';

/** Sums of parts fall short of the whole by as little. */
const TINY = 1e-6;

export class RunState {
  readonly #started: number;
  readonly #finished: ImageState[] = [];
  #image: ImageState | undefined;
  #place = '';
  #bytesOfAll = 0;
  #share = 0;
  readonly #pulling = new Speed();
  readonly #working = new Speed();

  constructor(now: number) {
    this.#started = now;
  }

  /** The image that is under way. */
  get image(): ImageState | undefined {
    return this.#image;
  }

  /** Returns the image that has ended with this event, if one has. */
  add(event: ConvertEvent, now: number): ImageState | undefined {
    if (event.type !== 'image.start') {
      this.#image?.add(event);
      this.#grow();
      return undefined;
    }
    const before = this.#image;
    if (before !== undefined) this.#finished.push(before);
    this.#image = new ImageState(event, now);
    this.#place = placeOf(event);
    const known = this.#images.reduce((sum, { total }) => sum + total, 0);
    this.#bytesOfAll = Math.max(event.bytesOfAll ?? 0, known);
    this.#grow();
    return before;
  }

  get #images(): readonly ImageState[] {
    return this.#image === undefined ? this.#finished : [...this.#finished, this.#image];
  }

  #sum(stage: Stage): number {
    return this.#images.reduce((sum, image) => sum + image.bytes(stage), 0);
  }

  /** From 0 to 1; it never falls, even if more work turns up, such as a layer that is copied. */
  get share(): number {
    return this.#share;
  }

  #grow(): void {
    const images = this.#finished.reduce((sum, { total }) => sum + total, 0) + (this.#image?.work ?? 0);
    if (this.#bytesOfAll > 0) this.#share = Math.max(this.#share, images / this.#bytesOfAll);
  }

  elapsed(now: number): number {
    return now - this.#started;
  }

  /** Parts of the total line, the most important first. */
  parts(now: number): readonly string[] {
    const pulled = this.#sum('pull');
    this.#pulling.add(now, pulled);
    this.#working.add(now, this.share);
    const { platform = '', layers = [], finished = 0 } = this.#image ?? {};
    return [
      this.#percent,
      `pulled ${formatBytes(pulled)} of ${formatBytes(this.#bytesOfAll)}`,
      ...speedParts(this.#pulling.perSecond, 1 - this.share, this.#working.perSecond),
      `${platform}${this.#place}`,
      `${finished} of ${plural(layers.length, 'layer')} done`,
      ...elapsedPart(this.elapsed(now)),
    ];
  }

  /** A sign of life for a log. */
  line(now: number): string {
    const [pulled, packed, pushed] = STAGES.map((stage) => formatBytes(this.#sum(stage)));
    const { platform = '' } = this.#image ?? {};
    const copied = this.#images.some(({ hasCopies }) => hasCopies)
      ? `, copied ${formatBytes(this.#sum('copy'))}`
      : '';
    return `${platform}${this.#place}: ${this.#percent}, pulled ${pulled} of ${formatBytes(this.#bytesOfAll)}, packed ${packed}, pushed ${pushed}${copied}, ${coarse(this.elapsed(now))} so far`;
  }

  get #percent(): string {
    return `${Math.floor(this.share * 100 + TINY)} %`;
  }
}

/** The rate, and the time that the rest takes at its own speed. */
export function speedParts(
  rate: number | undefined,
  rest: number,
  speed: number | undefined,
): readonly string[] {
  if (rate === undefined || speed === undefined) return [];
  return [`${formatBytes(rate)}/s`, ...(speed > 0 ? [`${coarse((rest / speed) * 1000)} left`] : [])];
}

/** Nothing in the first second, when there is nothing to wonder about. */
export function elapsedPart(ms: number): readonly string[] {
  return ms < 1000 ? [] : [`${coarse(ms)} so far`];
}

/** Whole seconds: tenths of them would only flicker. */
function coarse(ms: number): string {
  return ms < 59_500 ? `${Math.round(ms / 1000)} s` : formatMs(ms);
}
