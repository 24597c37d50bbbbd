/** The process that a command runs in, as far as the command may know it. Nothing below `src/cli` sees any of this. */

/** The part of a Node writable that commands use. */
export interface Output {
  write(text: string): unknown;
}

export interface CliContext {
  /** Results, and nothing else. */
  readonly stdout: Output;
  /** Results that are no text, such as files; settles when there is room for more. */
  readonly writeBytes?: (bytes: Uint8Array) => Promise<void>;
  /** Progress, notes, warnings, errors. */
  readonly stderr: Output;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** True when stderr is a terminal. */
  readonly isTTY: boolean;
  /** Width of that terminal in characters; 80 when there is none. */
  readonly columns: number;
  /** True when stdout is a terminal: columns and colours. */
  readonly stdoutIsTTY?: boolean;
  /** Fires on the first SIGINT or SIGTERM. */
  readonly signal: AbortSignal;
  /** The exit code of the command unless it throws: 1 says that the answer is no. */
  exitCode: 0 | 1;
}
