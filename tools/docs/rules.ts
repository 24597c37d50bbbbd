/** native/layout/src/rules.rs: the sentences of findings by number, as the judge names them. */
import { SENTENCES } from '../../src/rafs-builder/rules/sentences.js';

export function rulesSource(): string {
  const variants = Object.entries(SENTENCES).flatMap(([key, [id, template]]) => [
    `    /// ${id}: \`${template}\``,
    `    ${variantName(key)},`,
  ]);
  return [
    '//! Written by tools/docs/main.ts from src/rafs-builder/rules. Do not edit: npm run docs.',
    '',
    '/// A sentence of a finding, and with it the rule. TypeScript finds the words by the number.',
    '#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]',
    '#[repr(u16)]',
    'pub enum Sentence {',
    ...variants,
    '}',
    '',
  ].join('\n');
}

/** `chunk-uncompressed-end` becomes `ChunkUncompressedEnd`. */
function variantName(key: string): string {
  return key.replace(/(?:^|-)([a-z0-9])/g, (_, first: string) => first.toUpperCase());
}
