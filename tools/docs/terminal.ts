/** docs/terminal.md: screens as text, drawn by the code that draws them for a person, with a clock that stands where it is put. */
import { Chalk } from 'chalk';
import type { CheckResult } from '../../src/check/result.js';
import { finding } from '../../src/check/finding.js';
import type { CliContext } from '../../src/cli/context.js';
import { plainLines as checkLines, terminalLines } from '../../src/cli/text/check.js';
import { liveProgress } from '../../src/cli/text/live-progress.js';
import { terminalLine } from '../../src/cli/text/paint.js';
import { openProgress, plainLines } from '../../src/cli/text/progress.js';
import { convertSummary } from '../../src/cli/text/summary.js';
import type { ConvertResult } from '../../src/convert/convert.js';
import { sha256 } from '../../src/oci/digest.js';
import { MEDIA } from '../../src/oci/media-types.js';
import type { ConvertEvent, Stage } from '../../src/reporter.js';
import { ScreenTerminal } from '../../test/support/screen-terminal.js';

const TARGET = 'registry.example/app:1.0-nydus';
const SIZES = [48_200_000, 12_100_000];
const ROWS = 24;

const layers = SIZES.map((size, i) => ({
  mediaType: MEDIA.ociLayerGzip,
  digest: sha256(`layer ${i}`),
  size,
}));
const ofAll = { of: 2, bytesOfAll: 2 * SIZES.reduce((sum, size) => sum + size, 0) };

function start(number: number, platform: string): ConvertEvent {
  return { type: 'image.start', platform, manifest: sha256(platform), layers, number, ...ofAll };
}

function progress(layer: number, share: Readonly<Record<Stage, number>>): readonly ConvertEvent[] {
  const size = SIZES[layer] ?? 0;
  return (['copy', 'pull', 'pack', 'push'] as const).map((stage) => ({
    type: 'layer.progress',
    platform: '',
    layer,
    stage,
    done: Math.round(size * share[stage]),
    total: size,
  }));
}

function done(platform: string, layer: number): ConvertEvent {
  const size = SIZES[layer] ?? 0;
  return { type: 'layer.done', platform, layer, outcome: 'pushed', stats: statsOf(size, layer) };
}

const statsOf = (
  size: number,
  layer: number,
): ConvertResult['images'][number]['layers'][number]['stats'] => ({
  sourceBytes: size,
  tarBytes: size * 3,
  blobBytes: Math.round(size * 1.02),
  entries: 900,
  chunks: 2400,
  newChunks: layer === 0 ? 2400 : 2310,
  duplicateBytes: layer === 0 ? 0 : 410_000,
});

const WHOLE = { pull: 1, pack: 1, push: 1, copy: 1 };

/** The events of a run on two platforms, and the seconds at which they come; it is seen in the midst of the second. */
const RUN: readonly (readonly [seconds: number, events: readonly ConvertEvent[]])[] = [
  [0, [start(1, 'linux/amd64')]],
  [
    8,
    [
      ...progress(0, WHOLE),
      ...progress(1, WHOLE),
      done('linux/amd64', 0),
      done('linux/amd64', 1),
      start(2, 'linux/arm64'),
    ],
  ],
  [10, progress(0, { pull: 0.3, pack: 0.28, push: 0.2, copy: 0.1 })],
  [
    12,
    [
      ...progress(0, { pull: 0.6, pack: 0.55, push: 0.4, copy: 0.3 }),
      ...progress(1, { pull: 0.5, pack: 0.4, push: 0, copy: 0 }),
    ],
  ],
];

const READS: readonly (readonly [seconds: number, events: readonly ConvertEvent[]])[] = [
  [
    0,
    [
      { type: 'step', message: 'reading blobs of linux/amd64' },
      ...layers.map(({ digest, size }) => read(digest, 0, size)),
    ],
  ],
  [2, layers.map(({ digest, size }) => read(digest, size * 0.3, size))],
  [4, layers.map(({ digest, size }) => read(digest, size * 0.6, size))],
];

function read(digest: ReturnType<typeof sha256>, done: number, total: number): ConvertEvent {
  return { type: 'read', digest, done: Math.round(done), total };
}

function contextOf(screen: ScreenTerminal, env: CliContext['env'], isTerminal = true): CliContext {
  return {
    stdout: screen,
    stderr: screen,
    env,
    columns: screen.size()[0],
    signal: new AbortController().signal,
    exitCode: 0,
    ...(isTerminal ? { terminal: screen } : {}),
  };
}

function live(columns: number, run: typeof RUN): string {
  const screen = new ScreenTerminal(columns, ROWS);
  let now = 0;
  const area = liveProgress(screen, contextOf(screen, { NO_COLOR: '1' }), () => now);
  for (const [seconds, events] of run) {
    now = seconds * 1000;
    for (const event of events) area.reporter.emit(event);
    screen.resize(columns, ROWS);
  }
  const text = screen.text();
  area.stop();
  return text;
}

async function plain(columns: number, env: CliContext['env'], isTerminal = true): Promise<string> {
  const screen = new ScreenTerminal(columns === 0 ? 200 : columns, ROWS);
  const terminal = { ...contextOf(screen, env, isTerminal) };
  const sized = isTerminal && columns === 0 ? { ...terminal, terminal: withoutSize(screen) } : terminal;
  const lines: string[] = [];
  const stderr = { write: (text: string) => void lines.push(text) };
  const area = await openProgress('auto', { ...sized, stderr });
  for (const [, events] of RUN) for (const event of events) area.reporter.emit(event);
  area.stop();
  return lines.join('').trimEnd();
}

function withoutSize(screen: ScreenTerminal): ScreenTerminal {
  screen.size = () => [0, 0];
  return screen;
}

function signOfLife(): string {
  const lines: string[] = [];
  let now = 0;
  const reporter = plainLines({ write: (text: string) => void lines.push(text) }, () => now);
  for (const [seconds, events] of RUN) {
    now = seconds * 1000;
    for (const event of events) reporter.emit(event);
  }
  now = 22_000;
  reporter.tick();
  return (lines.at(-1) ?? '').trimEnd();
}

const nydus = { mediaType: MEDIA.ociManifest, digest: sha256('nydus'), size: 900 };

function result(unchanged: boolean): ConvertResult {
  const images = ['linux/amd64', 'linux/arm64'].map((platform) => ({
    platform,
    source: { ...nydus, digest: sha256(platform) },
    nydus,
    config: { mediaType: MEDIA.ociConfig, digest: sha256('config'), size: 700 },
    oci: { ...nydus, digest: sha256('oci') },
    layers: SIZES.map((size, i) => ({
      source: layers[i] ?? nydus,
      blob: { mediaType: MEDIA.nydusBlob, digest: sha256(`${platform} ${i}`), size: Math.round(size * 1.02) },
      stats: statsOf(size, i),
      batches: 0,
      outcome: unchanged ? ('present' as const) : ('pushed' as const),
    })),
    bootstrapBytes: 1_560_000,
    repeatedBytes: 0,
    prefetched: undefined,
    dictionaryBlobs: [],
    recipeBytes: 0,
    sourceBytes: 60_300_000,
    nydusBytes: 61_900_000,
    targetBytes: 61_900_000,
  }));
  return {
    root: nydus,
    target: TARGET,
    unchanged,
    images,
    kept: [],
    sourceBytes: 120_600_000,
    targetBytes: 123_800_000,
    repeatedBytes: 0,
    times: { pull: 9000, conversion: 14_000, push: 15_000, total: unchanged ? 2300 : 16_400 },
  };
}

const CHECKED: CheckResult = {
  target: TARGET,
  source: undefined,
  root: nydus,
  verdict: 'bad',
  platforms: [
    {
      platform: 'linux/amd64',
      nydus: nydus.digest,
      oci: undefined,
      ociRead: false,
      layers: 2,
      blobBytes: 61_500_000,
      dataRead: true,
      compared: false,
      layerSizes: [],
      bootstrapBytes: 400_000,
      milliseconds: 900,
      contents: undefined,
    },
  ],
  clients: undefined,
  bootstrapOnly: false,
  sample: undefined,
  findings: [
    finding(
      'CHUNK-DATA',
      { platform: 'linux/amd64', half: 'nydus', part: 'blob 1' },
      {
        message: "chunk 17: content does not have the chunk's digest; in /usr/lib/libapp.so at 0x100000",
        hint: 'convert the image again',
      },
    ),
  ],
};

function checkScreen(columns: number): string {
  return terminalLines(CHECKED, new Chalk({ level: 0 }), columns)
    .map(terminalLine)
    .join('\n');
}

function screen(title: string, text: string): string {
  return `### ${title}\n\n\`\`\`\n${text}\n\`\`\``;
}

export async function terminalPage(): Promise<string> {
  const xterm = { TERM: 'xterm' };
  const lines = await plain(0, xterm);
  const others = [
    await plain(80, { TERM: 'dumb' }),
    await plain(80, { ...xterm, CI: 'true' }),
    await plain(80, xterm, false),
  ];
  if (others.some((other) => other !== lines))
    throw new Error('plain lines differ from terminal to terminal');
  return `${[
    HEAD,
    '## While an image is converted',
    screen('160 columns', live(160, RUN)),
    screen('60 columns', live(60, RUN)),
    screen('0 columns, TERM=dumb, CI=true, or no terminal at all', `${lines}\n${signOfLife()}`),
    '## When it is done',
    screen('on a terminal', convertSummary(result(false), false).join('\n')),
    screen('elsewhere, where each layer has had its line', convertSummary(result(false), true).join('\n')),
    screen('the same once more', convertSummary(result(true), true).join('\n')),
    '## While an image is checked',
    screen('160 columns', live(160, READS)),
    screen('60 columns', live(60, READS)),
    '## When it is checked',
    screen('160 columns', checkScreen(160)),
    screen('60 columns', checkScreen(60)),
    screen('no terminal', checkLines(CHECKED).map(terminalLine).join('\n')),
  ].join('\n\n')}\n`;
}

const HEAD = `<!-- Written by tools/docs/main.ts: src/cli/text seen by test/support/screen-terminal.ts. Do not edit: npm run docs. -->

# On the terminal

Results go to standard output; progress, notes, warnings and errors to standard error, or but for errors to \`--log-file\`. \`-q\` leaves results and
errors. A terminal that can move its cursor gets lines that are drawn over and over; all else gets one line a layer, and after ten
quiet seconds a sign of life.

Each of the two streams has colours if it is a terminal, \`TERM\` is not \`dumb\` and \`NO_COLOR\` is not set. \`FORCE_COLOR\` decides before all that:
\`0\` or \`false\` for none, anything else for colours in a file or a pipe, too. A log file has none.`;
