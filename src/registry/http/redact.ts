/** Keeps secrets out of all output: URLs lose what may sign them, texts lose every secret that this run has seen. */

/** Query parameters that may be printed; all others, such as the signatures of storage URLs, may not. */
const PRINTABLE_PARAMETERS = new Set([
  'artifactType',
  'client_id',
  'digest',
  'from',
  'mount',
  'n',
  'ns',
  'offline_token',
  'scope',
  'service',
]);
/** Replacing shorter "secrets" would blank out ordinary words and protect nothing. */
const MIN_SECRET_LENGTH = 4;
const HIDDEN = 'REDACTED';

/** The URL without user, password, fragment, and the values of parameters that are not known to be harmless. */
export function redactUrl(url: URL): string {
  const shown = new URL(url);
  shown.username = '';
  shown.password = '';
  shown.hash = '';
  for (const name of new Set(shown.searchParams.keys())) {
    if (!PRINTABLE_PARAMETERS.has(name)) shown.searchParams.set(name, HIDDEN);
  }
  return shown.href;
}

/** Applies `redactUrl` to the URLs in a text from outside. */
export function redactUrls(text: string): string {
  return text.replace(/\bhttps?:\/\/[^\s"'<>]+/g, (found) => {
    try {
      return redactUrl(new URL(found));
    } catch {
      return found.replace(/[?#].*$/, '');
    }
  });
}

/** Remembers secrets and takes them out of texts from outside, because a server may send back what it got. */
export class Redactor {
  readonly #secrets = new Set<string>();

  add(secret: string | undefined): void {
    if (secret === undefined || secret.length < MIN_SECRET_LENGTH) return;
    this.#secrets.add(secret);
    this.#secrets.add(encodeURIComponent(secret));
  }

  text(text: string): string {
    let shown = text;
    // Longest first, because one secret may be a part of another.
    for (const secret of [...this.#secrets].sort((a, b) => b.length - a.length)) {
      shown = shown.replaceAll(secret, HIDDEN);
    }
    return shown.replace(/\b(Bearer|Basic) +[A-Za-z0-9._~+/=-]{8,}/gi, `$1 ${HIDDEN}`);
  }
}
