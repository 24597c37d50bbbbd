/**
 * Logs of `strace -f -e trace=file`. Files that were opened for reading or executed count; calls that failed, that only ask
 * about a file, and directories do not. A relative path is resolved where the log says where it begins.
 */
import { UsageError } from '../errors.js';
import { linesOf, MAX_LINE } from './lines.js';
import type { Patterns } from './patterns.js';

/** Process, time, and the rest of the line: a call, the end of one that was interrupted, or something else. */
const LINE = /^ *(?:\[pid +(\d+)\] |(\d+) +)?(?:\d[\d:.]* +(?:\(\+ +[\d.]+\) )?)?(.*)$/s;
const CALL =
  /^(open|openat|openat2|execve|execveat|chdir|fchdir|access|faccessat2?|stat64|l?stat|statx|newfstatat|readlink(?:at)?|getcwd)\(/;
const RESUMED = /^<\.\.\. (\w+) resumed>/;
const UNFINISHED = /<unfinished \.\.\.>\s*$/;

/** A string of an argument, and the rest. */
const TEXT = /^"((?:[^"\\]|\\.)*)"(\.\.\.)?/;
/** A directory: `AT_FDCWD`, or a number, and with `-y` its path. */
const DIRECTORY = /^(AT_FDCWD|-?\d+)(?:<([^>]*)>)?, /;
/** The result, and with `-y` the path of what was opened. */
const RESULT = /\) += (-?\d+)(?:<(\/[^>]*)>)?(?: |$)/;
/** The most processes of a log. */
const MAX_PROCESSES = 1_000_000;

export function isStraceLine(line: string): boolean {
  if (line.length > MAX_LINE) return false;
  const rest = LINE.exec(line)?.[3] ?? '';
  return CALL.test(rest) || RESUMED.test(rest);
}

export function readStrace(text: string, patterns: Patterns): void {
  const processes = new Map<string, Process>();
  let before: Process | undefined;
  for (const line of linesOf(text)) {
    if (line.length > MAX_LINE) {
      patterns.skipped++;
      continue;
    }
    const [, bracketed, bare, rest = ''] = LINE.exec(line) ?? [];
    if (!CALL.test(rest) && !RESUMED.test(rest)) continue;
    const id = bracketed ?? bare ?? '';
    let process = processes.get(id);
    if (process === undefined) {
      if (processes.size === MAX_PROCESSES)
        throw new UsageError(`the log has more than ${MAX_PROCESSES} processes`);
      // Forks are not in the log; a new process mostly begins in the folder of the one whose line is before its first.
      process = new Process(before?.folder);
      processes.set(id, process);
    }
    before = process;
    const call = process.whole(rest);
    if (call !== undefined) process.read(call, patterns);
  }
}

interface Call {
  readonly name: string;
  readonly rest: string;
}

class Process {
  /** The beginning of a call that another process interrupted in the log. */
  #begun: string | undefined;
  folder: string | undefined;
  /** Directories that were opened, by number. */
  #folders: Map<string, string> | undefined;

  constructor(folder: string | undefined) {
    this.folder = folder;
  }

  /** The call of a line, once it is complete. */
  whole(rest: string): Call | undefined {
    let text = rest;
    if (UNFINISHED.test(rest)) {
      this.#begun = rest.replace(UNFINISHED, '').trimEnd();
      return undefined;
    }
    const resumed = RESUMED.exec(rest);
    if (resumed !== null) {
      if (this.#begun === undefined) return undefined;
      text = this.#begun + rest.slice(resumed[0].length);
      this.#begun = undefined;
    }
    const name = CALL.exec(text)?.[1];
    return name === undefined ? undefined : { name, rest: text.slice(name.length + 1) };
  }

  read({ name, rest }: Call, patterns: Patterns): void {
    const at = name.endsWith('at') || name === 'openat2' ? DIRECTORY.exec(rest) : null;
    const afterDirectory = rest.slice(at?.[0].length ?? 0);
    const [whole = '', written, cut] = TEXT.exec(afterDirectory) ?? [];
    if (written === undefined || cut !== undefined) return;
    const [, result = '-1', opened] = RESULT.exec(afterDirectory.slice(whole.length)) ?? [];
    if (result.startsWith('-')) return;
    const path = this.#absolute(decoded(written), at?.[1], at?.[2]);
    if (name === 'chdir') {
      this.folder = path;
    } else if (name.startsWith('open')) {
      this.#open(rest, { path, number: result, opened }, patterns);
    } else if (name.startsWith('exec')) {
      this.#add(path, patterns);
    }
  }

  #open(
    rest: string,
    { path, number, opened }: { path: string | undefined; number: string; opened: string | undefined },
    patterns: Patterns,
  ): void {
    const file = opened === undefined ? path : decoded(opened);
    if (rest.includes('O_DIRECTORY')) {
      if (file !== undefined) (this.#folders ??= new Map()).set(number, file);
    } else if (!/O_WRONLY|O_PATH|O_TRUNC/.test(rest)) {
      this.#add(file, patterns);
    }
  }

  #add(path: string | undefined, patterns: Patterns): void {
    if (path === undefined) patterns.skipped++;
    else patterns.add(path, 'file');
  }

  /** Undefined when the log does not say where the path begins. */
  #absolute(path: string, directory: string | undefined, shown: string | undefined): string | undefined {
    if (path.startsWith('/')) return path;
    const isHere = directory === undefined || directory === 'AT_FDCWD';
    const base =
      shown === undefined ? (isHere ? this.folder : this.#folders?.get(directory)) : decoded(shown);
    return base?.startsWith('/') === true ? `${base}/${path}` : undefined;
  }
}

const ESCAPES: Readonly<Record<string, string>> = { n: '\n', t: '\t', r: '\r', v: '\v', f: '\f' };

/** strace writes bytes that cannot be seen as octal or hexadecimal numbers, or as letters. */
function decoded(written: string): string {
  return written.replace(
    /\\(?:([0-7]{1,3})|x([0-9a-fA-F]{2})|(.))/gs,
    (_, octal: string | undefined, hex: string | undefined, letter: string | undefined) =>
      octal !== undefined
        ? String.fromCharCode(Number.parseInt(octal, 8) & 0xff)
        : hex !== undefined
          ? String.fromCharCode(Number.parseInt(hex, 16))
          : (ESCAPES[letter ?? ''] ?? letter ?? ''),
  );
}
