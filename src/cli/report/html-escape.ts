/** HTML of reports, in which texts are shown as in a terminal. */
import { htmlTemplate } from '../../html.js';
import { printable } from '../text/printable.js';

export { type Content, Html } from '../../html.js';

export const html = htmlTemplate(printable);
