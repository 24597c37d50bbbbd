/** A small input that describes a great deal, and the commands that meet it. */
import { join } from 'node:path';

export interface Bomb {
  readonly name: string;
  readonly commands: readonly Command[];
  /** The path that `cat` and `stat` ask for. */
  readonly path?: string;
  /** More arguments of `convert`. */
  readonly options?: readonly string[];
  /** Writes the input into the folder, and returns its location. */
  readonly write: (folder: string) => Promise<string>;
}

interface Run {
  readonly bomb: Bomb;
  /** The location of the bomb. */
  readonly from: string;
  /** Where a conversion may write. */
  readonly to: string;
  /** A sound Nydus image, for commands that take two images. */
  readonly sound: string;
}

const COMMANDS = {
  ls: ({ from }) => ['ls', '-lR', from],
  'ls --json': ({ from }) => ['ls', '-R', '--json', from],
  tree: ({ from }) => ['tree', from],
  du: ({ from }) => ['du', '--depth', '5000', from],
  cat: ({ bomb, from }) => ['cat', from, bomb.path ?? '/small'],
  stat: ({ bomb, from }) => ['stat', from, bomb.path ?? '/small'],
  diff: ({ from, sound }) => ['diff', sound, from],
  'diff with itself': ({ from }) => ['diff', from, from],
  inspect: ({ from }) => ['inspect', from],
  'inspect --dump': ({ from }) => ['inspect', '--dump', from],
  plan: ({ bomb, from, to }) => ['plan', ...(bomb.options ?? []), from, to],
  convert: ({ bomb, from, to }) => ['convert', ...(bomb.options ?? []), from, to],
  'convert --merge-platform': ({ from, to }) => ['convert', '--merge-platform', from, to],
  'convert --all-platforms': ({ from, to }) => [
    'convert',
    '--all-platforms',
    '--allow-missing-platforms',
    from,
    to,
  ],
  check: ({ from }) => ['check', from],
  'check --source': ({ from, sound }) => ['check', sound, from],
} as const satisfies Readonly<Record<string, (run: Run) => readonly string[]>>;

export type Command = keyof typeof COMMANDS;

/** Layers are read by all of these. */
export const OF_LAYERS: readonly Command[] = ['ls', 'du', 'diff', 'convert', 'check --source'];
/** Documents are read by all of these. */
export const OF_DOCUMENTS: readonly Command[] = [
  'ls',
  'inspect',
  'plan',
  'convert --merge-platform',
  'check',
  'check --source',
];
/** Bootstraps are read by all of these. */
export const OF_BOOTSTRAPS: readonly Command[] = ['ls', 'du', 'inspect', 'inspect --dump', 'diff', 'check'];

/** The arguments of one run. `folder` holds the bomb. */
export function argumentsOf(
  bomb: Bomb,
  command: Command,
  { from, folder, sound }: { readonly from: string; readonly folder: string; readonly sound: string },
): readonly string[] {
  return COMMANDS[command]({ bomb, from, to: `oci:${join(folder, 'target')}:t`, sound });
}
