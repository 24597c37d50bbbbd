/** The characters of a text that a reader does not see, or that act on the terminal that shows them. */

/**
 * Control characters (C0, DEL, C1), characters that reorder text, characters without a width, line and paragraph separators,
 * and halves of surrogate pairs.
 */
const UNSEEN = /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}]/u;
const ALL_UNSEEN = new RegExp(UNSEEN, 'gu');

export function hasUnseen(text: string): boolean {
  return UNSEEN.test(text);
}

export function replaceUnseen(text: string, replacement: (character: string) => string): string {
  return text.replace(ALL_UNSEEN, replacement);
}
