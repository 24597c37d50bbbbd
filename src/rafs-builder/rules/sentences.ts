/**
 * All sentences of findings about bootstraps and blobs, by a stable key, with the rule that each belongs to. The judge
 * (native/judge) refers to a sentence by its number; native/layout/src/rules.rs is generated from this table.
 *
 * A placeholder is `{name}` or `{form:name}`. The judge gives one argument for each, in their order; the name only
 * helps readers of the table. `{@}` is the offset of the finding and takes no argument.
 */
import { InternalError } from '../../errors.js';
import { displayName, type RawPath } from '../../oci/raw-name.js';
import { inodeFlags } from '../layout/v5.js';
import * as v6 from '../layout/v6.js';
import type { Sentences } from './rules.js';
import { SENTENCES_BLOB } from './sentences-blob.js';
import { SENTENCES_V5 } from './sentences-v5.js';
import { SENTENCES_V6 } from './sentences-v6.js';

export const SENTENCES = { ...SENTENCES_V6, ...SENTENCES_V5, ...SENTENCES_BLOB } as const satisfies Sentences;

/** Formats an argument; an argument without a form is inserted unchanged. */
const FORMS: Readonly<Record<string, (argument: string) => string>> = {
  raw: (argument) => displayName(argument as RawPath), // the judge passes names with one character a byte
  hex: (argument) => `0x${BigInt(argument).toString(16)}`,
  json: (argument) => JSON.stringify(argument),
  octal: (argument) => `0o${BigInt(argument).toString(8)}`,
  superFlags: (argument) => v6.superFlags.show(Number(argument)),
  blobFeatures: (argument) => v6.blobFeatures.show(Number(argument)),
  inodeFlags: (argument) => inodeFlags.show(Number(argument)),
  chunkFlags: (argument) => v6.chunkFlags.show(Number(argument)),
};

const PLACEHOLDER = /\{(?:(?<form>\w+):)?(?<name>@|\w+)\}/g;

/** Throws InternalError when the judge gives more or fewer arguments than the sentence has placeholders. */
export function sentenceText(template: string, args: readonly string[], offset: number | undefined): string {
  let next = 0;
  const text = template.replace(PLACEHOLDER, (_, form: string | undefined, name: string) => {
    const argument = name === '@' ? String(offset) : args[next++];
    if (argument === undefined) throw new InternalError(`the judge gives too few arguments for: ${template}`);
    return form === undefined ? argument : formOf(form)(argument);
  });
  if (next < args.length) throw new InternalError(`the judge gives too many arguments for: ${template}`);
  return text;
}

function formOf(form: string): (argument: string) => string {
  const show = FORMS[form];
  if (show === undefined) throw new InternalError(`no form of arguments has the name ${form}`);
  return show;
}
