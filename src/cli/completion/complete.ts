/** Finds what may stand at the end of a command line, from the tables of commands and flags. */
import type { Flag } from '../flags/flags.js';

export interface Candidate {
  readonly word: string;
  readonly meaning: string;
}

/** Words that fit, or paths, which the shell itself knows best. */
export type Completion =
  | { readonly kind: 'words'; readonly candidates: readonly Candidate[] }
  /** The path begins behind so many characters of the word, as behind `--log-file=`. */
  | { readonly kind: 'files' | 'folders'; readonly prefix: number };

export interface CompletedCommand {
  readonly name: string;
  readonly alias?: string | undefined;
  readonly summary: string;
  readonly flags: readonly Flag[];
}

export interface Completed {
  /** Taken by every command, and before it. */
  readonly globalFlags: readonly Flag[];
  readonly commands: readonly CompletedCommand[];
  /** The words of a command that has a closed set of them. */
  readonly words: Readonly<Record<string, readonly Candidate[]>>;
}

const NOTHING: Completion = { kind: 'words', candidates: [] };
const HELP = 'help';
/** Commands that take the path of a file or folder as it is. Elsewhere a word is an image, whose names the registry alone knows. */
const TAKES_PATHS: Readonly<Record<string, 'files' | 'folders'>> = { inspect: 'files', build: 'folders' };
/** Images that lie in files; completed behind the colon. */
const LOCAL_IMAGE = /^(oci|oci-archive|docker-archive):(?!.*:)/;

/** The last of `words` is being typed; the words before it are complete. The program itself is not among them. */
export function complete(words: readonly string[], completed: Completed): Completion {
  const typed = words.at(-1) ?? '';
  const line = readLine(words.slice(0, -1), completed);
  if (line.open !== undefined) return values(line.open, typed, '');
  if (!line.isEnded && typed.startsWith('-')) {
    const [, name, prefix] = /^(--?([A-Za-z][A-Za-z0-9-]*)=)/.exec(typed) ?? [];
    const flag = prefix === undefined ? undefined : flagNamed(line.flags, prefix);
    if (name === undefined) return offered(flagCandidates(line), typed);
    return flag?.type === 'string' ? values(flag, typed, name) : NOTHING;
  }
  if (line.command === undefined) return offered(commandCandidates(completed, true), typed);
  if (line.command === HELP)
    return line.wordCount === 0 ? offered(commandCandidates(completed, false), typed) : NOTHING;
  const known = completed.words[line.command];
  if (known !== undefined) return line.wordCount === 0 ? offered(known, typed) : NOTHING;
  const local = LOCAL_IMAGE.exec(typed);
  if (local !== null)
    return { kind: local[1] === 'oci' ? 'folders' : 'files', prefix: (local[1] ?? '').length + 1 };
  const kind = TAKES_PATHS[line.command];
  return kind === undefined ? NOTHING : { kind, prefix: 0 };
}

interface Line {
  readonly command: string | undefined;
  /** Those that may stand at the end. */
  readonly flags: readonly Flag[];
  readonly given: ReadonlySet<string>;
  /** Words behind the command. */
  readonly wordCount: number;
  /** The flag whose value comes next. */
  readonly open: OpenFlag | undefined;
  /** True behind `--`. */
  readonly isEnded: boolean;
}

interface OpenFlag extends Flag {
  /** True for the second word of a pair, which is a path. */
  readonly isSecond?: boolean;
}

function readLine(words: readonly string[], { globalFlags, commands }: Completed): Line {
  let command: string | undefined;
  let flags = globalFlags;
  let wordCount = 0;
  const given = new Set<string>();
  for (let i = 0; i < words.length; i++) {
    const word = words[i] ?? '';
    if (word === '--') {
      wordCount += words.length - i - 1;
      return { command, flags, given, wordCount, open: undefined, isEnded: true };
    }
    const [, name, value] = /^--?([A-Za-z][A-Za-z0-9-]*)(=[^]*)?$/.exec(word) ?? [];
    if (name === undefined) {
      if (command !== undefined) wordCount++;
      else {
        const called = commands.find(({ name: own, alias }) => [own, alias].includes(word));
        command = called?.name ?? word;
        flags = [...(called?.flags ?? []), ...globalFlags];
      }
      continue;
    }
    const flag = flagNamed(flags, name);
    if (flag === undefined) continue;
    given.add(flag.name);
    if (flag.type === 'boolean' || flag.bare !== undefined) continue;
    const taken = (flag.pair === true ? 2 : 1) - (value === undefined ? 0 : 1);
    const missing = taken - (words.length - i - 1);
    if (missing > 0) {
      const open = { ...flag, isSecond: flag.pair === true && missing === 1 };
      return { command, flags, given, wordCount, open, isEnded: false };
    }
    i += taken;
  }
  return { command, flags, given, wordCount, open: undefined, isEnded: false };
}

function flagNamed(flags: readonly Flag[], name: string): Flag | undefined {
  return flags.find((flag) => [flag.name, flag.alias, flag.short].includes(name));
}

/** `prefix` is the part of the word that stands before the value. */
function values(flag: OpenFlag, typed: string, prefix: string): Completion {
  if (flag.isSecond !== true && flag.choices !== undefined) {
    const candidates = flag.choices.map((choice) => ({ word: `${prefix}${choice}`, meaning: '' }));
    return offered(candidates, typed);
  }
  if (flag.isSecond === true || flag.value === 'file') return { kind: 'files', prefix: prefix.length };
  if (flag.value === 'folder') return { kind: 'folders', prefix: prefix.length };
  if (flag.value !== 'files') return NOTHING;
  // A list: the last of its files is being typed.
  return { kind: 'files', prefix: Math.max(prefix.length, typed.lastIndexOf(',') + 1) };
}

function flagCandidates({ command, flags, given }: Line): readonly Candidate[] {
  const left = flags.filter(
    ({ name, hidden, pair, list }) => hidden !== true && (pair === true || list === true || !given.has(name)),
  );
  return [
    ...left.map(({ name, help }) => ({ word: `--${name}`, meaning: help })),
    { word: '--help', meaning: 'print help' },
    ...(command === undefined ? [{ word: '--version', meaning: 'print versions' }] : []),
  ];
}

function commandCandidates({ commands }: Completed, withHelp: boolean): readonly Candidate[] {
  const all = commands.map(({ name, summary }) => ({ word: name, meaning: summary }));
  return withHelp ? [...all, { word: HELP, meaning: 'print the help of a command' }] : all;
}

function offered(candidates: readonly Candidate[], typed: string): Completion {
  return { kind: 'words', candidates: candidates.filter(({ word }) => word.startsWith(typed)) };
}
