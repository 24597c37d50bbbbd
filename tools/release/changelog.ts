/** CHANGELOG.md by versions, newest first: a section is the text below the heading `## VERSION - DAY`. */

export interface Section {
  /** `Unreleased` for what no version has yet. */
  readonly version: string;
  readonly text: string;
}

export function sectionsOf(changelog: string): readonly Section[] {
  return changelog
    .split(/^## /m)
    .slice(1)
    .map((section) => {
      const end = section.indexOf('\n');
      const [version = ''] = section.slice(0, end).split(' ');
      return { version, text: section.slice(end).trim() };
    });
}
