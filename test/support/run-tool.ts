/** Runs programs other than ours, and collects their output. */
import { spawn } from 'node:child_process';

export interface RunOptions {
  readonly input?: string | Uint8Array | undefined;
  readonly cwd?: string | undefined;
  readonly env?: Readonly<Record<string, string>> | undefined;
}

export interface Ran {
  readonly status: number | null;
  readonly stdout: Buffer;
  readonly stderr: string;
}

/** Runs a command to its end. Rejects only when the command does not start; the caller judges the status. */
export async function tryRun(
  command: string,
  args: readonly string[],
  options: RunOptions = {},
): Promise<Ran> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, {
      cwd: options.cwd,
      env: { ...process.env, ...options.env },
      stdio: ['pipe', 'pipe', 'pipe'],
    });
    const stdout: Buffer[] = [];
    const stderr: Buffer[] = [];
    child.stdout.on('data', (bytes: Buffer) => stdout.push(bytes));
    child.stderr.on('data', (bytes: Buffer) => stderr.push(bytes));
    child.on('error', reject);
    child.on('close', (status) => {
      resolve({
        status,
        stdout: Buffer.concat(stdout),
        stderr: Buffer.concat(stderr).toString('utf8').trim(),
      });
    });
    // A command may end without reading its input; its status says whether that was right.
    child.stdin.on('error', () => undefined);
    child.stdin.end(options.input ?? '');
  });
}

/** Runs a command that must succeed; returns its output. The error quotes the last lines that the command printed. */
export async function runTool(
  command: string,
  args: readonly string[],
  options: RunOptions = {},
): Promise<Buffer> {
  const { status, stdout, stderr } = await tryRun(command, args, options);
  if (status === 0) return stdout;
  const said = (stderr === '' ? stdout.toString('utf8') : stderr).split('\n').slice(-8).join('\n');
  throw new Error(
    `${command.slice(command.lastIndexOf('/') + 1)} ${args.join(' ')}: status ${status}\n${said}`,
  );
}
