/** Notices of the software of others that a published package contains. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

export interface Contained {
  readonly name: string;
  readonly version: string;
  /** An SPDX expression. */
  readonly license: string;
  readonly authors: readonly string[];
  /** The unpacked package, which holds the texts of its licences. */
  readonly folder: string;
}

const LICENSE_FILE = /^(?:licen[cs]e|copying|copyright|notice)/i;

/** Returns one Markdown page; a text that several packages share appears once, below the names of all. */
export function thirdPartyNotices(contained: readonly Contained[]): string {
  const byText = new Map<string, string[]>();
  for (const { name, version, license, authors, folder } of contained) {
    const files = chosen(licenseFiles(folder), license);
    const texts =
      files.length === 0
        ? standardText(license, authors)
        : files.map((file) => `~~~\n${textOf(join(folder, file))}\n~~~`);
    const text = texts?.join('\n\n') ?? `It names its licence, ${license}, but holds no text of it.`;
    byText.set(text, [...(byText.get(text) ?? []), `${name} ${version} (${license})`]);
  }
  const sections = [...byText].map(([text, names]) => `## ${names.join(', ')}\n\n${text}\n`);
  return `# Software of others in this package\n\n${sections.join('\n')}`;
}

/** The text as SPDX has it, for packages that name their licence and leave the text out. */
const STANDARD: Readonly<Record<string, string>> = {
  ISC: `Permission to use, copy, modify, and/or distribute this software for any purpose with or without fee is hereby granted, provided that
the above copyright notice and this permission notice appear in all copies.

THE SOFTWARE IS PROVIDED "AS IS" AND THE AUTHOR DISCLAIMS ALL WARRANTIES WITH REGARD TO THIS SOFTWARE INCLUDING ALL IMPLIED WARRANTIES OF
MERCHANTABILITY AND FITNESS. IN NO EVENT SHALL THE AUTHOR BE LIABLE FOR ANY SPECIAL, DIRECT, INDIRECT, OR CONSEQUENTIAL DAMAGES OR ANY
DAMAGES WHATSOEVER RESULTING FROM LOSS OF USE, DATA OR PROFITS, WHETHER IN AN ACTION OF CONTRACT, NEGLIGENCE OR OTHER TORTIOUS ACTION,
ARISING OUT OF OR IN CONNECTION WITH THE USE OR PERFORMANCE OF THIS SOFTWARE.`,
};

function standardText(license: string, authors: readonly string[]): string[] | undefined {
  const text = STANDARD[license];
  if (text === undefined || authors.length === 0) return undefined;
  return [`~~~\nCopyright (c) ${authors.join(', ')}\n\n${text}\n~~~`];
}

/** Files at the top, and licences of the sources of others one folder below, or of the library among them in `lib`. */
function licenseFiles(folder: string): string[] {
  const entries = readdirSync(folder, { withFileTypes: true });
  const top = entries.filter((entry) => entry.isFile() && LICENSE_FILE.test(entry.name));
  const below = entries
    .filter((entry) => entry.isDirectory() && entry.name !== 'node_modules')
    .flatMap(({ name }) => [name, join(name, 'lib')])
    .filter((below) => existsSync(join(folder, below)))
    .flatMap((below) =>
      readdirSync(join(folder, below))
        .filter((file) => /^licen[cs]e(?:\.|$)/i.test(file))
        .map((file) => join(below, file)),
    );
  return [...top.map(({ name }) => name), ...below].sort();
}

/** Of licences to choose from we choose MIT, so that its text suffices. */
function chosen(files: readonly string[], license: string): readonly string[] {
  const mit = files.find((file) => /^licen[cs]e[-.]mit/i.test(file));
  return mit !== undefined && /\bOR\b|\//.test(license) && !license.includes('AND') ? [mit] : files;
}

function textOf(path: string): string {
  return readFileSync(path, 'utf8').replaceAll('\r\n', '\n').trim();
}
