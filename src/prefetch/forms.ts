/** The forms of lists. A list is read by the first form that recognises it. */
import {
  isPathArray,
  isRecordLine,
  isUpstreamList,
  jsonOf,
  readPathArray,
  readRecords,
  readUpstreamList,
  refuseSpans,
} from './documents.js';
import { isFatraceLine, readFatrace } from './fatrace.js';
import { firstLines, isGlob, readLines } from './lines.js';
import type { Patterns } from './patterns.js';
import { isStraceLine, readStrace } from './strace.js';
import { isHeader, readTable } from './table.js';

/** A list with one character for each byte. */
export class ListText {
  readonly text: string;
  /** The first lines that are neither empty nor comments. */
  readonly first: readonly string[];
  #document: { readonly value: unknown } | undefined;

  constructor(text: string) {
    this.text = text;
    this.first = firstLines(text, 50);
  }

  /** The text as JSON; undefined if it does not begin as a document does, since parsing takes long, or is none. */
  get document(): unknown {
    const begins = /^\s*[[{]/.test(this.text) && !/^\s*\[pid +\d/.test(this.text);
    this.#document ??= { value: begins ? jsonOf(this.text) : undefined };
    return this.#document.value;
  }
}

interface Form {
  readonly name: string;
  /** Undefined if the list has another form. */
  readonly reader: (list: ListText) => ((patterns: Patterns) => void) | undefined;
}

/** A form whose lines are alike. Logs begin with other lines, too. */
function ofLines(
  name: string,
  isLine: (line: string) => boolean,
  read: (text: string, patterns: Patterns) => void,
): Form {
  return {
    name,
    reader: ({ text, first }) =>
      first.some(isLine)
        ? (patterns) => {
            read(text, patterns);
          }
        : undefined,
  };
}

export const FORMS: readonly Form[] = [
  {
    name: 'a JSON list of upstream ({"version":"v1","files":[…]})',
    reader: ({ document }) => {
      refuseSpans(document);
      if (!isUpstreamList(document)) return undefined;
      return (patterns) => {
        readUpstreamList(document.files, patterns);
      };
    },
  },
  {
    name: 'a JSON array of paths, as soci takes it',
    reader: ({ document }) => {
      if (!isPathArray(document)) return undefined;
      return (patterns) => {
        readPathArray(document, patterns);
      };
    },
  },
  ofLines('a record file of stargz', isRecordLine, readRecords),
  {
    name: "a CSV of the snapshotter's optimizer (path,size,elapsed)",
    reader: ({ text, first }) =>
      isHeader(first[0] ?? '')
        ? (patterns) => {
            readTable(text, patterns);
          }
        : undefined,
  },
  // A program may be called as a system call is, so its log is tried first.
  ofLines('a log of fatrace', isFatraceLine, readFatrace),
  ofLines('a log of strace -f -e trace=file', isStraceLine, readStrace),
  {
    name: 'a list of globs',
    reader: ({ text, first }) =>
      isPlain(first) && first.some(isGlob)
        ? (patterns) => {
            readLines(text, patterns);
          }
        : undefined,
  },
  {
    name: 'a plain list of absolute paths',
    reader: ({ text, first }) =>
      isPlain(first)
        ? (patterns) => {
            readLines(text, patterns);
          }
        : undefined,
  },
];

function isPlain(first: readonly string[]): boolean {
  return first[0]?.trimStart().startsWith('/') === true;
}
