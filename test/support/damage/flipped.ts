/** A bootstrap with one bit of some bytes turned over, each in turn. */

export interface Flipped {
  /** The byte. */
  readonly at: number;
  readonly bytes: Buffer;
}

/** Some hundred of them: every `step`th byte that is not 0, and fewer zeros. A prime step comes to every field in one inode or another. */
export function* flipped(sound: Buffer, step: number): Generator<Flipped> {
  for (let at = 0; at < sound.length; at += sound[at] === 0 ? 67 : step) {
    const bytes = Buffer.from(sound);
    bytes[at] = (bytes[at] ?? 0) ^ (1 << (at % 8));
    yield { at, bytes };
  }
}
