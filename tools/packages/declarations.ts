/** The declarations that the types of the entry points lead to; those of the command and of other inner modules stay out of the package. */
import { readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import ts from 'typescript';
import { projectRoot } from '../../test/support/project.js';
import type { Manifest } from './manifest.js';

/** Returns paths relative to the root of the project, sorted. Throws if a declaration needs the types of a package that is not Node's. */
export function reachableDeclarations({ exports }: Manifest): readonly string[] {
  const found = new Set<string>();
  const visit = (path: string): void => {
    if (found.has(path)) return;
    found.add(path);
    for (const { fileName } of ts.preProcessFile(readFileSync(path, 'utf8')).importedFiles) {
      if (fileName.startsWith('.')) visit(join(dirname(path), fileName.replace(/\.js$/, '.d.ts')));
      else if (!fileName.startsWith('node:'))
        throw new Error(
          `${relative(projectRoot, path)}: the types of ${fileName} would have to be installed`,
        );
    }
  };
  for (const entry of Object.values(exports)) {
    if (typeof entry !== 'string') visit(join(projectRoot, entry.types));
  }
  return [...found].map((path) => relative(projectRoot, path)).sort();
}
