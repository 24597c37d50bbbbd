/** HTML of the page. Characters that cannot be seen, or turn others around, are shown by their numbers. */
import { type Content, Html, htmlTemplate } from '../../html.js';
import { replaceUnseen } from '../../oci/unseen.js';

export { type Content, Html };

export const html = htmlTemplate((text) =>
  replaceUnseen(text, (character) => `\\u{${(character.codePointAt(0) ?? 0).toString(16)}}`),
);
