/** Globs of repositories and tags. They become expressions whose parts cannot overlap, so that no name takes long to match. */

/** `*` stands for anything without a slash, `**` for anything; a part `**` at the end of a path matches no part, too. */
export function globMatches(glob: string, text: string): boolean {
  return matchParts(glob.split('/'), text.split('/'));
}

/** Goes through both once; of several `**` only the last one has to be tried again, as for any sequence of wildcards. */
function matchParts(glob: readonly string[], parts: readonly string[]): boolean {
  let g = 0;
  let p = 0;
  let star = -1;
  let resume = 0;
  while (p < parts.length) {
    const pattern = glob[g];
    if (pattern === '**') {
      star = g++;
      resume = p;
    } else if (pattern !== undefined && matchPart(pattern, parts[p] ?? '')) {
      g++;
      p++;
    } else if (star >= 0) {
      g = star + 1;
      p = ++resume;
    } else return false;
  }
  while (glob[g] === '**') g++;
  return g === glob.length;
}

function matchPart(glob: string, text: string): boolean {
  let g = 0;
  let t = 0;
  let star = -1;
  let resume = 0;
  while (t < text.length) {
    if (glob[g] === '*') {
      star = g++;
      resume = t;
    } else if (g < glob.length && glob[g] === text[t]) {
      g++;
      t++;
    } else if (star >= 0) {
      g = star + 1;
      t = ++resume;
    } else return false;
  }
  while (glob[g] === '*') g++;
  return g === glob.length;
}
