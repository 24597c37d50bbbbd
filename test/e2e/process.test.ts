/** The command as a process: streams that cannot be written, signals, and an environment with little in it. */
import assert from 'node:assert/strict';
import { spawn, type SpawnOptions } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { writeLayout } from '../support/images/oci-layout.js';
import { dir, file, layer } from '../support/images/tar.js';
import { isRoot, needs } from '../support/needs.js';
import { productCommand, projectRoot } from '../support/project.js';
import { nydusify } from '../support/command.js';

/** More names than a pipe holds. */
const NAMES = 6000;

let folder = '';
let source = '';
let target = '';

before(async () => {
  folder = mkdtempSync(join(tmpdir(), 'nydusify-process-'));
  const names = Array.from({ length: NAMES }, (_, i) => file(`names/a-file-of-this-name-${i}`, ''));
  await writeLayout(join(folder, 'source'), '1', [
    { tar: layer(dir('names'), ...names, file('small', 'x')), compression: 'gzip' },
  ]);
  source = `oci:${join(folder, 'source')}:1`;
  target = `oci:${join(folder, 'target')}:1`;
  const { status, stderr } = await nydusify(['convert', source, target]);
  assert.equal(status, 0, stderr);
});

after(() => {
  rmSync(folder, { recursive: true, force: true });
});

interface Ended {
  readonly status: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a script of the shell, in which `$NYDUSIFY` is the command. */
async function shell(
  script: string,
  { env, ...options }: SpawnOptions & { readonly env?: Readonly<Record<string, string>> } = {},
): Promise<Ended> {
  const child = spawn('/bin/sh', ['-c', script], {
    cwd: folder,
    env: {
      PATH: process.env['PATH'],
      HOME: folder,
      NYDUSIFY: `${process.execPath} ${productCommand}`,
      LAUNCHER: join(projectRoot, 'bin', 'nydusify'),
      S: source,
      T: target,
      ...env,
    },
    ...options,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let [stdout, stderr] = ['', ''];
  child.stdout.on('data', (data: Buffer) => (stdout += data.toString()));
  child.stderr.on('data', (data: Buffer) => (stderr += data.toString()));
  return await new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (status, signal) => {
      resolve({ status, signal, stdout, stderr });
    });
  });
}

const ALL_COMMANDS = [
  '--help',
  '--version',
  'convert $S oci:again:1 --progress none',
  'plan --json $S oci:again:2',
  'check $T',
  'check --json $T',
  'check --report html - $T',
  'inspect $T',
  'inspect --dump $T',
  'ls -lR $T',
  'cat $T /small',
  'stat $T /small',
  'tree $T',
  'du $T',
  'diff --json $T $T',
];

test('the launcher limits the allocators for the server of an image, and for nothing else', async () => {
  const programs = join(folder, 'programs');
  mkdirSync(programs);
  const program = `#!/bin/sh\necho "[$MALLOC_MMAP_THRESHOLD_] $*"\n`;
  writeFileSync(join(programs, 'node'), program, { mode: 0o755 });
  const calls = ['serve registry.example/app:1', 'serve --config f', 'serve --config=f', 'convert a b', ''];
  const runs = await Promise.all(
    calls.map((call) => shell(`PATH=${programs}:$PATH; $LAUNCHER ${call}`, { env: {} })),
  );
  const script = join(projectRoot, 'bin', 'nydusify.js');
  assert.deepEqual(
    runs.map(({ stdout }) => stdout.trimEnd()),
    [`[131072] --max-semi-space-size=2 ${script} ${calls[0] ?? ''}`].concat(
      calls.slice(1).map((call) => `[] ${script} ${call}`.trimEnd()),
    ),
  );
});

test('an answer that cannot be written is exit code 6 and one line, in every command', async () => {
  const runs = await Promise.all(ALL_COMMANDS.map((command) => shell(`$NYDUSIFY ${command} > /dev/full`)));
  for (const [i, { status, stderr }] of runs.entries()) {
    const errors = stderr.split('\n').filter((line) => /^error:|^ {4}at |^node:/.test(line));
    assert.deepEqual(
      [status, errors],
      [6, ['error: cannot write to standard output: no space left on the device']],
      ALL_COMMANDS[i],
    );
  }
});

test('a disk that fills up in the middle of a write is noticed', async () => {
  // A limit of the file size gives the short write that a nearly full disk gives.
  const { status, stderr } = await shell('ulimit -f 8; $NYDUSIFY ls -lR $T > listing');
  assert.equal(status, 6, stderr);
  assert.match(stderr, /^error: cannot write to standard output: the file would be too large$/m);
});

test('standard error that cannot be written costs the progress and the good exit code', async () => {
  const { status, stdout } = await shell('$NYDUSIFY convert $S oci:again:3 2> /dev/full');
  assert.equal(status, 6);
  assert.match(stdout, /again:3@sha256:/);
  assert.equal((await shell('$NYDUSIFY convert $S oci:again:4 2>&-')).status, 0);
  assert.equal((await shell('$NYDUSIFY check oci:none 2> /dev/full')).status, 3);
});

test('a reader that has enough ends a listing quietly, and the answer keeps its exit code', async () => {
  const listing = await shell('{ $NYDUSIFY ls -lR $T; echo $? >&2; } | head -n 1');
  assert.deepEqual([listing.stderr, listing.stdout.split('\n').length], ['0\n', 2]);
  const check = await shell('{ sleep 1; $NYDUSIFY check --json $S; echo $? >&2; } | true');
  assert.equal(check.stderr, '1\n');
  const different = await shell(
    '{ $NYDUSIFY diff $S $T --json > /dev/null; $NYDUSIFY ls $T | :; echo $? >&2; }',
  );
  assert.match(different.stderr, /0\n$/);
});

test('a pipe that does not block gets everything', async (t) => {
  if (!needs(t, 'python3')) return;
  const script = `import os,subprocess,sys,time
r,w=os.pipe(); os.set_blocking(w,False)
p=subprocess.Popen(sys.argv[1:],stdout=w); os.close(w); time.sleep(.7); n=0
while True:
  b=os.read(r,4096)
  if not b: break
  n+=b.count(b"\\n")
print(p.wait(),n)`;
  const { stdout } = await shell(`python3 -c '${script}' $NYDUSIFY ls $T /names`);
  assert.equal(stdout, `0 ${NAMES}\n`);
});

test('a closed standard output is noticed by the installed command', async () => {
  const { status, stderr } = await shell('ln -s $LAUNCHER linked; ./linked ls $T >&-');
  assert.equal(status, 6);
  assert.equal(stderr, 'error: cannot write to standard output: it is closed\n');
  assert.equal((await shell('$LAUNCHER ls $T > /dev/null')).status, 0);
});

test('a report that cannot be written fails the run, before the work if that can be known', async () => {
  for (const path of ['/dev/null/x', '/dev/full', folder]) {
    const formats = ['html', 'json', 'junit', 'markdown'];
    const [convert, ...checks] = await Promise.all([
      shell(`$NYDUSIFY convert $S oci:again:5 --progress none --output-json ${path}`),
      ...formats.map((format) => shell(`$NYDUSIFY check $T --report ${format} ${path}`)),
    ]);
    assert.equal(convert.status, 6, convert.stderr);
    assert.match(
      convert.stderr,
      /^error: cannot write .*\nhint: choose another place with --output-json\n$/m,
    );
    // The command still names the image that it made.
    assert.equal(convert.stdout !== '', path === '/dev/full');
    for (const check of checks) {
      assert.equal(check.status, 6, check.stderr);
      assert.match(check.stderr, /^error: cannot write .*\nhint: choose another place with --report\n$/m);
    }
  }
  const { status } = await shell('$NYDUSIFY convert $S oci:again:6 --output-json new/folder/run.json');
  assert.equal(status, 0);
  assert.match(readFileSync(join(folder, 'new/folder/run.json'), 'utf8'), /"SourceImageSize":/);
});

/** Sends a signal to a run whose output is not read; says whether it `lives` on until it is, and its exit code. */
async function signalled(command: string, signal: string, name: string): Promise<string> {
  const { stderr } = await shell(`ignoring() { trap '' $1; shift; exec "$@"; }
{ ${command} ls -lR $S 2> ${name}.err & P=$!
  until grep -qs 'no Nydus image' ${name}.err; do sleep .1; done
  sleep .5; kill -${signal} $P
  lives() { grep -q 'State:.[RSD]' /proc/$P/status 2> /dev/null; }
  n=0; while lives && [ $n -lt 40 ]; do sleep .1; n=$((n+1)); done
  lives && echo lives >&2
  touch ${name}.read; wait $P; echo $? >&2
} | { until [ -e ${name}.read ]; do sleep .1; done; cat > /dev/null; }`);
  return stderr.replace('\n', ' ').trim();
}

test('signals end a run whose output is not read; those that the caller ignores do not, but for SIGTERM', async () => {
  const cases = [
    ['$NYDUSIFY', 'TERM', '130'],
    ['$LAUNCHER', 'HUP', '130'],
    ['ignoring HUP $LAUNCHER', 'HUP', 'lives 0'],
    ['ignoring INT $LAUNCHER', 'INT', 'lives 0'],
    ['ignoring TERM $LAUNCHER', 'TERM', '130'],
    ['nohup $LAUNCHER', 'HUP', 'lives 0'],
    ['nohup $LAUNCHER', 'TERM', '130'],
    ['_=/usr/bin/nohup nohup $NYDUSIFY', 'HUP', 'lives 0'],
  ] as const;
  const ended = await Promise.all(
    cases.map(([command, signal], i) => signalled(command, signal, `signal-${i}`)),
  );
  assert.deepEqual(
    ended,
    cases.map(([, , outcome]) => outcome),
  );
});

test('a user without HOME and without an entry in passwd can convert', async (t) => {
  if (!isRoot) {
    t.skip('needs root, to become another user');
    return;
  }
  const { status, stderr } = await shell('umask 0; mkdir nobody; chmod 777 . nobody; true');
  assert.equal(status, 0, stderr);
  const ran = await shell('unset HOME; cd nobody && $NYDUSIFY convert $S oci:made:1', {
    uid: 54321,
    gid: 54321,
  });
  assert.equal(ran.status, 0, ran.stderr);
});

test('an empty DOCKER_CONFIG does not make the current folder one of Docker', async () => {
  await shell('mkdir -p here; echo "{\\"credsStore\\":\\"evil\\"}" > here/config.json');
  const { stderr } = await shell('cd here && $NYDUSIFY inspect 127.0.0.1:1/app:1', {
    env: { DOCKER_CONFIG: '' },
  });
  assert.doesNotMatch(stderr, /evil/);
});
