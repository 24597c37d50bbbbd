import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { CliContext } from '../../../../src/cli/context.js';
import { jsonLines, openProgress, plainLines } from '../../../../src/cli/text/progress.js';
import type { ProgressMode } from '../../../../src/cli/flags/options.js';
import { sha256 } from '../../../../src/oci/digest.js';
import type { ConvertEvent, Stage } from '../../../../src/reporter.js';
import { ScreenTerminal } from '../../../support/screen-terminal.js';
import { waitFor } from '../../../support/wait-for.js';

const layers = [
  { mediaType: 'x', digest: sha256('1'), size: 1000 },
  { mediaType: 'x', digest: sha256('2'), size: 3000 },
];
const stats = {
  sourceBytes: 1000,
  tarBytes: 4000,
  blobBytes: 900,
  entries: 3,
  chunks: 5,
  newChunks: 3,
  duplicateBytes: 77,
};
const EVENTS: readonly ConvertEvent[] = [
  { type: 'resolved', source: 'h/a:1', manifest: { mediaType: 'x', digest: sha256('m'), size: 1 } },
  { type: 'image.start', platform: 'linux/amd64', manifest: sha256('m'), layers },
  { type: 'layer.progress', platform: 'linux/amd64', layer: 0, stage: 'pull', done: 500, total: 1000 },
  { type: 'layer.progress', platform: 'linux/amd64', layer: 0, stage: 'pull', done: 1000, total: 1000 },
  { type: 'warning', code: 'X', message: 'mind the gap' },
  { type: 'retry', what: 'push', attempt: 1, delayMs: 500, cause: new Error('cut') },
  { type: 'layer.done', platform: 'linux/amd64', layer: 0, stats, outcome: 'pushed' },
];

function collector(): { readonly lines: string[]; write(text: string): void } {
  const lines: string[] = [];
  return { lines, write: (text) => void lines.push(text) };
}

test('plain mode writes one line for each event that matters', () => {
  const output = collector();
  const reporter = plainLines(output, () => 0);
  for (const event of EVENTS) reporter.emit(event);
  assert.deepEqual(output.lines, [
    `source h/a:1 is ${sha256('m')}\n`,
    'converting linux/amd64: 2 layers, 4.00 kB\n',
    'warning: mind the gap\n',
    'push: attempt 1 failed (cut); again in 500 ms\n',
    'layer 1 of 2: 1.00 kB to a blob of 900 B, 5 chunks, 2 duplicates (pushed)\n',
  ]);
});

test('a long silence ends in a sign of life', () => {
  const output = collector();
  let now = 0;
  const reporter = plainLines(output, () => now);
  for (const event of EVENTS.slice(1, 3)) reporter.emit(event);
  const progress = (stage: Stage, done: number): void => {
    reporter.emit({ type: 'layer.progress', platform: 'linux/amd64', layer: 1, stage, done, total: 3000 });
  };
  progress('pull', 1500);
  progress('pack', 1000);
  progress('push', 600);
  now = 9999;
  reporter.tick();
  assert.equal(output.lines.length, 1);
  now = 10_000;
  reporter.tick();
  assert.equal(
    output.lines.at(-1),
    'linux/amd64: 30 %, pulled 2.00 kB of 4.00 kB, packed 1.00 kB, pushed 600 B, 10 s so far\n',
  );
  reporter.tick();
  assert.equal(output.lines.length, 2);
});

test('a silence before the first layer ends in a sign of life, too', () => {
  const output = collector();
  let now = 0;
  const reporter = plainLines(output, () => now);
  reporter.emit({ type: 'step', message: 'reading blobs' });
  now = 12_000;
  reporter.tick();
  assert.deepEqual(output.lines, ['reading blobs\n', 'reading blobs, 12 s so far\n']);
});

test('a check says how much of its blobs it has read, anew for each step', () => {
  const output = collector();
  let now = 0;
  const reporter = plainLines(output, () => now);
  reporter.emit({ type: 'step', message: 'reading blobs' });
  for (const [digest, done] of [
    ['1', 0],
    ['2', 1000],
    ['1', 500],
    ['1', 200],
  ] as const)
    reporter.emit({ type: 'read', digest: sha256(digest), done, total: 2000 });
  now = 10_000;
  reporter.tick();
  assert.equal(output.lines.at(-1), '37 %, reading blobs, read 1.50 kB of 4.00 kB, 10 s so far\n');
  reporter.emit({ type: 'step', message: 'replaying' });
  now = 20_000;
  reporter.tick();
  assert.equal(output.lines.at(-1), 'replaying, 20 s so far\n');
});

test('JSON lines are events, with their time, and not too many of them', () => {
  const output = collector();
  const reporter = jsonLines(output, () => 1000);
  for (const event of [...EVENTS, ...EVENTS.slice(2, 3), ...EVENTS.slice(2, 3)]) reporter.emit(event);
  const events = output.lines.map(
    (line) => JSON.parse(line) as { type: string; time: string; cause?: string },
  );
  assert.equal(events.filter(({ type }) => type === 'layer.progress').length, 2);
  assert.equal(events[0]?.time, '1970-01-01T00:00:01.000Z');
  assert.equal(events.find(({ type }) => type === 'retry')?.cause, 'cut');
});

function context(stderr: CliContext['stderr'], terminal?: ScreenTerminal): CliContext {
  const { signal } = new AbortController();
  const env = { NO_COLOR: '1', TERM: 'xterm' };
  const drawn = terminal === undefined ? {} : { terminal };
  return { stdout: collector(), stderr, env, columns: 80, signal, exitCode: 0, ...drawn };
}

test('on a terminal there is a live area with a line of bars for each layer under way', async () => {
  const screen = new ScreenTerminal(100, 24);
  const progress = await openProgress('auto', context(screen, screen));
  for (const event of EVENTS.slice(0, 3)) progress.reporter.emit(event);
  await waitFor(() => screen.text().includes('500 B of 4.00 kB'));
  assert.match(screen.text(), /1\/2 .* pull ██+░+ pack ░+ push ░+ +1.00 kB/);
  progress.reporter.emit({ type: 'warning', code: 'X', message: 'mind the gap' });
  progress.stop();
  progress.stop();
  assert.equal(screen.text(), 'warning: mind the gap');
});

test('a layer that is copied has a bar for it, and stays until the target has it', async () => {
  const screen = new ScreenTerminal(100, 24);
  const progress = await openProgress('auto', context(screen, screen));
  const copied = (bytes: number): void => {
    const place = { platform: 'linux/amd64', layer: 0, stage: 'copy', total: 1000 } as const;
    progress.reporter.emit({ type: 'layer.progress', ...place, done: bytes });
  };
  for (const event of EVENTS.slice(0, 2)) progress.reporter.emit(event);
  copied(0);
  const [second] = EVENTS.slice(2, 3);
  assert.ok(second?.type === 'layer.progress');
  progress.reporter.emit({ ...second, layer: 1 });
  await waitFor(() => /2\/2 .* push ░+ +3.00 kB/.test(screen.text()));
  assert.match(screen.text(), /1\/2 .* pull ░+ pack ░+ push ░+ copy ░+ +1.00 kB/);
  progress.reporter.emit({ type: 'layer.done', platform: 'linux/amd64', layer: 0, stats, outcome: 'pushed' });
  copied(500);
  await waitFor(() => /1\/2 .* pull █+ pack █+ push █+ copy █+░+ +1.00 kB/.test(screen.text()));
  copied(1000);
  await waitFor(() => !screen.text().includes('1/2 '));
  progress.stop();
});

test('what a conversion copies at its end is counted as read', async () => {
  const output = collector();
  let now = 0;
  const reporter = plainLines(output, () => now);
  for (const event of EVENTS.slice(1, 3)) reporter.emit(event);
  reporter.emit({ type: 'step', message: 'copying what is kept as it is' });
  reporter.emit({ type: 'read', digest: sha256('k'), done: 500, total: 2000 });
  now = 10_000;
  reporter.tick();
  assert.equal(
    output.lines.at(-1),
    '25 %, copying what is kept as it is, read 500 B of 2.00 kB, 10 s so far\n',
  );
});

test('a platform that is done stays on the screen', async () => {
  const screen = new ScreenTerminal(100, 24);
  const progress = await openProgress('auto', context(screen, screen));
  const [, start] = EVENTS;
  assert.ok(start?.type === 'image.start');
  progress.reporter.emit({ ...start, number: 1, of: 2, bytesOfAll: 8000 });
  progress.reporter.emit({ ...start, platform: 'linux/arm64', number: 2, of: 2, bytesOfAll: 8000 });
  assert.match(
    screen.text(),
    /^✓ linux\/amd64: 2 layers, 4.00 kB in [0-9]+ ms\n. 50 % · .* · linux\/arm64 \(2 of 2\)/,
  );
  progress.stop();
  assert.match(screen.text(), /^✓ linux\/amd64: 2 layers, 4.00 kB in [0-9]+ ms$/);
});

test('a request that waits to be made again is counted while it waits, and not longer', async () => {
  const screen = new ScreenTerminal(100, 24);
  const progress = await openProgress('auto', context(screen, screen));
  for (const event of EVENTS.slice(0, 4)) progress.reporter.emit(event);
  for (const delayMs of [300, 1200])
    progress.reporter.emit({ type: 'retry', what: 'push', attempt: 1, delayMs, cause: new Error('cut') });
  await waitFor(() =>
    screen.text().includes(' % · 2 requests waiting to be tried again · pulled 1.00 kB of 4.00 kB'),
  );
  await waitFor(() => screen.text().includes(' % · 1 request waiting to be tried again · pulled'));
  await waitFor(() => screen.text().includes(' % · pulled 1.00 kB of 4.00 kB'));
  progress.stop();
});

test('a live area is never wider than its terminal, and a resize leaves nothing behind', async () => {
  const screen = new ScreenTerminal(100, 24);
  const progress = await openProgress('tty', context(screen, screen));
  for (const event of EVENTS.slice(0, 4)) progress.reporter.emit(event);
  const long = { type: 'warning', code: 'X', message: 'narrow' } as const;
  progress.reporter.emit(long);
  progress.reporter.emit({
    type: 'layer.progress',
    platform: 'linux/amd64',
    layer: 0,
    stage: 'copy',
    done: 10,
    total: 1000,
  });
  for (const columns of [100, 76, 70, 61, 40, 21, 120, 33, 5, 2, 1, 80]) {
    screen.resize(columns, 24);
    const lines = screen.text().split('\n');
    assert.equal(
      lines.filter((line) => line.includes(' %')).length,
      columns < 20 ? 0 : 1,
      `${columns}: ${screen.text()}`,
    );
    assert.deepEqual(
      lines.filter((line) => line.length > columns),
      [],
    );
  }
  progress.stop();
  assert.equal(screen.text().split('\n').at(-1), 'warning: narrow');
});

test('a terminal without a size, a dumb one and one of a CI server get plain lines', async () => {
  const live = async (columns: number, env: Readonly<Record<string, string>>): Promise<boolean> => {
    const screen = new ScreenTerminal(columns, 24);
    // Without colours, every escape sequence is one of a live area.
    const quiet = { NO_COLOR: '1', ...env };
    const progress = await openProgress('auto', { ...context(screen, screen), env: quiet });
    progress.reporter.emit({ type: 'warning', code: 'X', message: 'mind the gap' });
    progress.stop();
    return screen.raw.includes('\x1b[');
  };
  assert.equal(await live(80, { TERM: 'xterm' }), true);
  assert.equal(await live(80, { TERM: 'xterm', CI: '' }), true);
  assert.equal(await live(80, { TERM: 'xterm', CI: 'false' }), true);
  assert.equal(await live(0, { TERM: 'xterm' }), false);
  assert.equal(await live(1, { TERM: 'xterm' }), false);
  assert.equal(await live(80, { TERM: 'dumb' }), false);
  assert.equal(await live(80, { TERM: '' }), false);
  assert.equal(await live(80, {}), false);
  assert.equal(await live(80, { TERM: 'xterm', CI: 'true' }), false);
});

test('the first word of a warning is painted in plain lines, too, where there are colours', async () => {
  const output = collector();
  const progress = await openProgress('plain', { ...context(output), env: { FORCE_COLOR: '1' } });
  progress.reporter.emit({ type: 'warning', code: 'X', message: 'mind the gap' });
  progress.stop();
  assert.deepEqual(output.lines, ['\x1b[33mwarning\x1b[39m: mind the gap\n']);
});

test('without a terminal there are plain lines, and none on request but warnings', async () => {
  const shown = async (mode: ProgressMode): Promise<string> => {
    const output = collector();
    const progress = await openProgress(mode, context(output));
    for (const event of EVENTS) progress.reporter.emit(event);
    progress.stop();
    return output.lines.join('');
  };
  assert.match(await shown('auto'), /^source h\/a:1/);
  assert.equal(await shown('none'), 'warning: mind the gap\n');
  assert.match(await shown('json'), /^\{"time"/);
  assert.match(await shown('tty'), /^source h\/a:1/);
});
