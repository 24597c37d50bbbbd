/** Runs the command at a terminal, which python's pty module makes, and types answers to its questions. */
import { tryRun } from './run-tool.js';
import { productCommand } from './project.js';

/** Waits for each text in turn, and types the keys behind it; prints all that the terminal showed, and the exit code last. */
const TYPIST = `
import json, os, pty, select, sys, time
steps = json.loads(sys.argv[1])
pid, fd = pty.fork()
if pid == 0:
    os.execvp(sys.argv[2], sys.argv[2:])
shown, at, end = b'', 0, time.time() + 60
while time.time() < end:
    if steps and steps[0][0].encode() in shown[at:]:
        at = shown.index(steps[0][0].encode(), at) + len(steps[0][0].encode())
        time.sleep(0.3)
        os.write(fd, steps.pop(0)[1].encode())
    if not select.select([fd], [], [], 0.1)[0]:
        continue
    try:
        more = os.read(fd, 4096)
    except OSError:
        break
    if not more:
        break
    shown += more
else:
    os.kill(pid, 9)
status = os.waitpid(pid, 0)[1]
sys.stdout.buffer.write(shown + b'\\n' + str(os.waitstatus_to_exitcode(status)).encode())
`;

export interface Typed {
  readonly status: number;
  /** The terminal's text, with what was typed where the terminal echoes it. */
  readonly screen: string;
}

/** `steps` are pairs: a text to wait for, and the keys to type then. */
export async function typeTo(
  args: readonly string[],
  env: Readonly<Record<string, string>>,
  steps: readonly (readonly [shown: string, keys: string])[],
): Promise<Typed> {
  const command = [process.execPath, productCommand, ...args];
  const ran = await tryRun('python3', ['-c', TYPIST, JSON.stringify(steps), ...command], { env });
  const text = ran.stdout.toString('utf8').replaceAll('\r\n', '\n');
  const end = text.lastIndexOf('\n');
  return { status: Number(text.slice(end + 1)), screen: text.slice(0, end) };
}
