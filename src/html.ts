/** Makes HTML of untrusted text: names and values of an image, or of a sender, never become markup. */

const ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

/** Markup, as opposed to text. */
export class Html {
  readonly markup: string;

  constructor(markup: string) {
    this.markup = markup;
  }
}

export type Content = Html | string | number | undefined | readonly Content[];

/** A template whose values are escaped, unless they are Html themselves; lists are joined, undefined is nothing. */
export type HtmlTemplate = (strings: TemplateStringsArray, ...values: readonly Content[]) => Html;

/** `shown` makes a text visible as a whole, such as one with characters that turn the direction of others. */
export function htmlTemplate(shown: (text: string) => string): HtmlTemplate {
  const markupOf = (value: Content): string => {
    if (value === undefined) return '';
    if (value instanceof Html) return value.markup;
    if (typeof value === 'object') return value.map(markupOf).join('');
    return shown(String(value)).replace(/[&<>"']/g, (character) => ENTITIES[character] ?? character);
  };
  return (strings, ...values) =>
    new Html(strings.map((part, i) => part + (i < values.length ? markupOf(values[i]) : '')).join(''));
}
