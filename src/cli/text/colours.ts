/** The one place that decides about colours. Standard output and standard error are judged each for itself. */
import { styleText } from 'node:util';
import { type Environment, given } from '../../io/variables.js';
import type { CliContext } from '../context.js';
import { painted } from './paint.js';

export type ColouredStream = 'stdout' | 'stderr';

/**
 * `FORCE_COLOR` is asked first, since it is set for one run and `NO_COLOR` for all of them; 0 and false switch colours off. Without it
 * there are colours on a terminal that has them.
 */
export function hasColours(context: CliContext, stream: ColouredStream): boolean {
  if (stream === 'stderr' && context.stderrIsLog === true) return false;
  const forced = given(context.env, 'FORCE_COLOR');
  if (forced !== undefined) return !['0', 'false'].includes(forced.toLowerCase());
  const isTerminal = stream === 'stdout' ? context.stdoutIsTTY === true : context.terminal !== undefined;
  return isTerminal && allowsColours(context.env);
}

function allowsColours(env: Environment): boolean {
  return given(env, 'NO_COLOR') === undefined && given(env, 'TERM') !== 'dumb';
}

/** The level for `new Chalk`: the sixteen colours that every terminal has, since its owner has chosen how they look. */
export function colourLevel(context: CliContext, stream: ColouredStream): 0 | 1 {
  return hasColours(context, stream) ? 1 : 0;
}

const WORDS = { error: 'red', warning: 'yellow', hint: 'cyan', note: 'blue' } as const;
const FIRST_WORD = /^(error|warning|hint|note)(?=[: ])/;

/** Paints the word that a message begins with. Node does it, since an error may come before any package is loaded. */
export function withPaintedWord(line: string): string {
  return line.replace(FIRST_WORD, (word: string) =>
    painted((text) => styleText(WORDS[word as keyof typeof WORDS], text, UNJUDGED), word),
  );
}

/** Newer versions of Node would ask standard output whether it is a terminal. */
const UNJUDGED = { validateStream: false };
