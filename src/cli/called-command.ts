/** Finds the command that a command line calls, and answers for those that do not exist. */
import { UsageError } from '../errors.js';
import type { Flag } from './flags/flags.js';
import { nearestWord } from '../similar.js';

/** Commands of other tools that this program has not, and what does their work. */
const ELSEWHERE: Readonly<Record<string, string>> = {
  export: 'nydusify copy IMAGE file://FILE writes an image into a file',
};

/** Words that ask for help; upstream has the short one. */
const HELP = ['help', 'h'];

/**
 * Returns the name of the command that is called, or that help is asked for; undefined for the program itself. Flags of the
 * program may stand before it. Throws UsageError for a command that does not exist.
 */
export function calledCommand(
  argv: readonly string[],
  flags: readonly Flag[],
  commands: readonly string[],
): string | undefined {
  const [word, next] = wordsOf(argv, flags);
  const name = word !== undefined && HELP.includes(word) ? next : word;
  if (name === undefined || commands.includes(name)) return name;
  if (Object.hasOwn(ELSEWHERE, name))
    throw new UsageError(`nydusify ${name} is not supported yet`, { hint: ELSEWHERE[name] });
  const near = nearestWord(name, [...commands, 'help']);
  const all = `the commands are ${commands.join(', ')}`;
  throw new UsageError(`there is no command "${name}"`, {
    hint: near === undefined ? all : `did you mean ${near}? ${all}`,
  });
}

/** Turns `help COMMAND` into `COMMAND --help`. */
export function withHelpFlag(argv: readonly string[], flags: readonly Flag[]): readonly string[] {
  const [word, next] = wordsOf(argv, flags);
  if (word === undefined || !HELP.includes(word)) return argv;
  return next === undefined ? ['--help'] : [next, '--help'];
}

/** The words that are neither flags of the program nor their values, up to the first flag behind the command. */
function wordsOf(argv: readonly string[], flags: readonly Flag[]): readonly string[] {
  const words: string[] = [];
  for (let i = 0; i < argv.length; i++) {
    const token = argv[i] ?? '';
    if (!token.startsWith('-')) {
      words.push(token);
      continue;
    }
    if (words.length > 0 || token === '--') break;
    const name = token.replace(/^-{1,2}/, '');
    if (flags.some((flag) => takesWord(flag) && (flag.name === name || flag.short === name))) i++;
  }
  return words;
}

function takesWord({ type, bare }: Flag): boolean {
  return type === 'string' && bare === undefined;
}
