/** The challenges of a 401, and the scopes of tokens. RFC 9110 11.6.1; distribution, docs/spec/auth/scope.md. */
export interface Challenge {
  /** In lower case, such as `basic` and `bearer`. */
  readonly scheme: string;
  readonly parameters: Readonly<Record<string, string>>;
}

const TOKEN = /[!#$%&'*+.^_`|~0-9A-Za-z-]+/.source;
const PARAMETER = new RegExp(`\\s*(${TOKEN})\\s*=\\s*(?:"((?:[^"\\\\]|\\\\.)*)"|([^\\s,"]+))\\s*,?`, 'y');
const SCHEME = new RegExp(`[\\s,]*(${TOKEN})(?=\\s|,|$)`, 'y');

/** Parses `WWW-Authenticate`: several challenges in one header, with quoted and plain parameters. Stops where it cannot read on. */
export function parseChallenges(header: string): Challenge[] {
  const challenges: Challenge[] = [];
  let at = 0;
  for (;;) {
    SCHEME.lastIndex = at;
    const scheme = SCHEME.exec(header)?.[1];
    if (scheme === undefined) return challenges;
    at = SCHEME.lastIndex;
    const parameters: Record<string, string> = {};
    for (;;) {
      PARAMETER.lastIndex = at;
      const match = PARAMETER.exec(header);
      if (match === null) break;
      const [, name = '', quoted, plain = ''] = match;
      parameters[name.toLowerCase()] =
        quoted === undefined ? plain.replace(/^'(.*)'$/, '$1') : quoted.replace(/\\(.)/g, '$1');
      at = PARAMETER.lastIndex;
    }
    challenges.push({ scheme: scheme.toLowerCase(), parameters });
  }
}

/** For the list of a registry's repositories. */
export const CATALOG_SCOPE = 'registry:catalog:*';

/** A scope such as `repository:NAME:pull`. */
export function repositoryScope(repository: string, access: 'pull' | 'pull,push' | 'delete'): string {
  return `repository:${repository}:${access}`;
}
