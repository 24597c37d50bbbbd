/** Which connections, or which requests on them, are reset, and after how many bytes: drawn from a seed. */

export interface ResetPlan {
  readonly of: 'connections' | 'requests';
  /** 0.01: one in a hundred. */
  readonly share: number;
  readonly seed: number;
}

/** The first one struck is among so many: a run has few connections, and one without any reset would measure nothing. */
const FIRST_WITHIN = 4;
/** Bytes in both directions after which a reset comes; the exponents of two are drawn evenly. */
const MIN_EXPONENT = 4;
const MAX_EXPONENT = 24;

/** Counts what passes, for all connections of a link. */
export class Resets {
  connections = 0;
  requests = 0;
  resets = 0;
  readonly #plan: ResetPlan | undefined;
  readonly #random: () => number;
  readonly #first: number;

  constructor(plan: ResetPlan | undefined) {
    this.#plan = plan;
    this.#random = randomFrom(plan?.seed ?? 0);
    this.#first = Math.floor(this.#random() * FIRST_WITHIN);
  }

  /** A new connection has been opened. */
  connection(): Fate {
    const number = this.connections++;
    return new Fate(
      this.#plan?.of === 'connections' && this.#isStruck(number) ? this.#drawBytes() : Infinity,
      () => {
        const request = this.requests++;
        return this.#plan?.of === 'requests' && this.#isStruck(request) ? this.#drawBytes() : Infinity;
      },
      () => {
        this.resets++;
      },
    );
  }

  #isStruck(number: number): boolean {
    const { share } = this.#plan ?? { share: 0 };
    const since = number - this.#first;
    return share > 0 && since >= 0 && Math.floor((since - 1) * share) < Math.floor(since * share + 1e-9);
  }

  #drawBytes(): number {
    return 2 ** (MIN_EXPONENT + this.#random() * (MAX_EXPONENT - MIN_EXPONENT));
  }
}

/** The resets of one connection. */
export class Fate {
  readonly #nextRequest: () => number;
  readonly #struck: () => void;
  #left: number;
  #isDue = false;
  #last: 'up' | 'down' = 'down';

  constructor(left: number, nextRequest: () => number, struck: () => void) {
    this.#left = left;
    this.#nextRequest = nextRequest;
    this.#struck = struck;
  }

  /**
   * Bytes are about to be delivered; true when the connection is to be reset instead. HTTP without pipelining takes turns: the
   * first bytes up after bytes down are a new request. A request that was to be reset and ended before that is reset with the
   * beginning of the next one.
   */
  passes(direction: 'up' | 'down', bytes: number): boolean {
    if (direction === 'up' && this.#last === 'down') {
      const left = this.#nextRequest();
      if (left !== Infinity) this.#left = Math.min(this.#left, left);
      else if (this.#isDue) this.#left = 0;
      this.#isDue = left !== Infinity;
    }
    this.#last = direction;
    this.#left -= bytes;
    if (this.#left > 0) return false;
    this.#struck();
    return true;
  }
}

/** Numbers in [0, 1), the same for a seed everywhere (mulberry32). */
function randomFrom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
