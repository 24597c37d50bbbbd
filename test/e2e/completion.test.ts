/** The completion scripts, loaded by the shells that they are for. */
import assert from 'node:assert/strict';
import { chmod, mkdir, mkdtemp, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { needs } from '../support/needs.js';
import { productCommand, projectRoot } from '../support/project.js';
import { tryRun } from '../support/run-tool.js';
import { removeFolder } from '../support/temp-folder.js';

let folder = '';

before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'nydusify-completion-'));
  const command = join(folder, 'nydusify');
  await writeFile(command, `#!/bin/sh\nexec '${process.execPath}' '${productCommand}' "$@"\n`);
  await chmod(command, 0o755);
  await mkdir(join(folder, 'files', 'layout'), { recursive: true });
  await writeFile(join(folder, 'files', 'layers.tar'), '');
  for (const shell of ['bash', 'zsh', 'fish'])
    await writeFile(join(folder, `script.${shell}`), (await run(command, ['completion', shell])).stdout);
});

after(async () => {
  await removeFolder(folder);
});

async function run(
  command: string,
  args: readonly string[],
): Promise<{ readonly stdout: string; readonly stderr: string }> {
  const env = {
    PATH: `${folder}:${process.env['PATH'] ?? ''}`,
    HOME: folder,
    TERM: 'xterm',
    LANG: 'C.UTF-8',
  };
  const { status, stdout, stderr } = await tryRun(command, args, { cwd: join(folder, 'files'), env });
  assert.equal(status, 0, `${command} ${args.join(' ')}: ${stderr}`);
  return { stdout: stdout.toString(), stderr };
}

/** What is typed, and the last word as the shell completes it. */
const CASES: readonly (readonly [typed: string, completed: string])[] = [
  ['nydusify vers', 'version'],
  ['nydusify -l warn conv', 'convert'],
  ['nydusify convert --progress pl', 'plain'],
  ['nydusify convert --progress=pl', '--progress=plain'],
  ['nydusify convert --with-r', '--with-referrer'],
  ['nydusify check --report html layers', 'layers.tar'],
  ['nydusify convert --work-dir=la', '--work-dir=layout'],
  ['nydusify ls oci:la', 'oci:layout'],
  ['nydusify ls oci-archive:layers', 'oci-archive:layers.tar'],
  ['nydusify convert registry.example:5000/a:1 --with-ref', '--with-referrer'],
];

test('bash completes commands, flags, values and paths', async (t) => {
  if (!needs(t, 'bash')) return;
  for (const [typed, completed] of CASES) {
    // Readline cuts words at = and :, and replaces only what stands behind the last of them.
    const words = typed.split(/ |(?=[=:])|(?<=[=:])/);
    const { stdout, stderr } = await run('bash', [
      '--norc',
      '-c',
      'source ../script.bash; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _nydusify; printf "%s\\n" "${COMPREPLY[@]}"',
      'bash',
      ...words,
    ]);
    assert.equal(stderr, '');
    assert.equal(stdout.trimEnd(), completed.split(/(?<=[=:])/).at(-1), typed);
  }
});

test('fish completes commands, flags, values and paths', async (t) => {
  if (!needs(t, 'fish')) return;
  for (const [typed, completed] of CASES) {
    const { stdout, stderr } = await run('fish', [
      '--no-config',
      '-c',
      'source ../script.fish; complete -C $argv[1]',
      typed,
    ]);
    assert.equal(stderr, '');
    assert.equal(stdout.split('\t')[0]?.trimEnd().replace(/\/$/, ''), completed, typed);
  }
});

test('zsh completes commands, flags, values and paths', async (t) => {
  if (!needs(t, 'zsh')) return;
  const { stdout } = await run('zsh', ['-f', '-c', ZSH_SESSION, 'zsh', ...CASES.map(([typed]) => typed)]);
  const lines = stdout.split('\n').filter((line) => line.startsWith('<'));
  const expected = CASES.map(([typed, completed]) => `<${typed.replace(/[^ ]+$/, '')}${completed}>`);
  assert.deepEqual(
    lines.map((line) => line.replace(/[ /]*>$/, '>')),
    expected,
  );
});

/** Types into an interactive zsh, whose widget `finish` writes the line to a file; each step waits for what the one before has written. */
const ZSH_SESSION = `
zmodload zsh/zpty
integer steps=0
await() {
  local shown
  steps+=1
  until (( $(wc -l < ../lines) >= steps )); do
    zpty -r -t z shown || sleep 0.02
  done
} > /dev/null
: > ../lines
zpty -b z zsh -f -i
zpty -w z 'PS1=; autoload -U compinit; compinit -u -D; source ../script.zsh; bindkey "^I" complete-word'
zpty -w z 'finish() { print -r -- "<$BUFFER>" >> ../lines; BUFFER=; }; zle -N finish; bindkey "^X" finish; echo ready >> ../lines'
await
for typed in "$@"; do
  zpty -w -n z "$typed"$'\\t\\x18'
  await
done
zpty -d z
cat ../lines
`;

test('the script for bash passes shellcheck', async (t) => {
  if (!needs(t, 'shellcheck')) return;
  await run('shellcheck', [join(projectRoot, 'src/cli/completion/nydusify.bash')]);
});
