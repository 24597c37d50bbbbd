/** The progress of a whole run: what is done of all images, how fast, and how long the rest will take. */
import type { ConvertEvent, Stage } from '../../reporter.js';
import { ImageState, placeOf, STAGES } from './image-state.js';
import { formatBytes, formatMs, plural } from './units.js';

/** Milliseconds that a rate is the mean of, and between two of the values that it is made of. */
const WINDOW_MS = 15_000;
const SAMPLE_MS = 500;
/** Before so many milliseconds of work a guess would be a bad one. */
const FIRST_GUESS_MS = 2000;

interface Sample {
  readonly at: number;
  readonly pulled: number;
  readonly share: number;
}

export class RunState {
  readonly #started: number;
  readonly #finished: ImageState[] = [];
  #image: ImageState | undefined;
  #place = '';
  #bytesOfAll = 0;
  #samples: readonly Sample[] = [];

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
      return undefined;
    }
    const before = this.#image;
    if (before !== undefined) this.#finished.push(before);
    this.#image = new ImageState(event, now);
    this.#place = placeOf(event);
    const known = this.#images.reduce((sum, { total }) => sum + total, 0);
    this.#bytesOfAll = Math.max(event.bytesOfAll ?? 0, known);
    return before;
  }

  get #images(): readonly ImageState[] {
    return this.#image === undefined ? this.#finished : [...this.#finished, this.#image];
  }

  #sum(stage: Stage): number {
    return this.#images.reduce((sum, image) => sum + image.bytes(stage), 0);
  }

  /** From 0 to 1; it never falls. */
  get share(): number {
    const images = this.#finished.reduce((sum, { total }) => sum + total, 0) + (this.#image?.work ?? 0);
    return this.#bytesOfAll === 0 ? 0 : images / this.#bytesOfAll;
  }

  elapsed(now: number): number {
    return now - this.#started;
  }

  /** Parts of the total line, the most important first. */
  parts(now: number): readonly string[] {
    const pulled = this.#sum('pull');
    this.#sample({ at: now, pulled, share: this.share });
    const { rate, leftMs } = this.#speed(now);
    const { platform = '', layers = [], finished = 0 } = this.#image ?? {};
    return [
      this.#percent,
      `pulled ${formatBytes(pulled)} of ${formatBytes(this.#bytesOfAll)}`,
      ...(rate === undefined ? [] : [`${formatBytes(rate)}/s`]),
      ...(leftMs === undefined ? [] : [`${coarse(leftMs)} left`]),
      `${platform}${this.#place}`,
      `${finished} of ${plural(layers.length, 'layer')} done`,
      ...elapsedPart(this.elapsed(now)),
    ];
  }

  /** A sign of life for a log. */
  line(now: number): string {
    const [pulled, packed, pushed] = STAGES.map((stage) => formatBytes(this.#sum(stage)));
    const { platform = '' } = this.#image ?? {};
    return `${platform}${this.#place}: ${this.#percent}, pulled ${pulled} of ${formatBytes(this.#bytesOfAll)}, packed ${packed}, pushed ${pushed}, ${coarse(this.elapsed(now))} so far`;
  }

  get #percent(): string {
    return `${Math.floor(this.share * 100)} %`;
  }

  #sample(sample: Sample): void {
    const last = this.#samples.at(-1);
    if (last !== undefined && sample.at - last.at < SAMPLE_MS) return;
    this.#samples = [...this.#samples.filter(({ at }) => sample.at - at <= WINDOW_MS), sample];
  }

  #speed(now: number): { readonly rate?: number; readonly leftMs?: number } {
    const [first] = this.#samples;
    const last = this.#samples.at(-1);
    if (first === undefined || last === undefined || last.at - first.at < FIRST_GUESS_MS) return {};
    const ms = last.at - first.at;
    const speed = (last.share - first.share) / ms;
    const rate = ((last.pulled - first.pulled) / ms) * 1000;
    return {
      rate,
      ...(speed > 0 ? { leftMs: Math.max(0, (1 - last.share) / speed - (now - last.at)) } : {}),
    };
  }
}

/** Nothing in the first second, when there is nothing to wonder about. */
export function elapsedPart(ms: number): readonly string[] {
  return ms < 1000 ? [] : [`${coarse(ms)} so far`];
}

/** Whole seconds: tenths of them would only flicker. */
function coarse(ms: number): string {
  return ms < 59_500 ? `${Math.round(ms / 1000)} s` : formatMs(ms);
}
