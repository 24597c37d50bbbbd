/** The process that a command runs in, as far as the command may know it. Nothing below `src/cli` sees any of this. */
import type { Environment } from '../io/variables.js';
import type { Terminal } from './text/live-area.js';

/** A sink for text. Commands write to it through `text/print.ts`. */
export interface Output {
  write(text: string): unknown;
}

/** Standard input, for commands that ask a person or take a secret from a pipe. */
export interface Input {
  readonly isTerminal: boolean;
  /** All bytes up to the end. Throws UsageError beyond `limit`, and the signal's reason once it has fired. */
  readAll(limit: number, signal: AbortSignal): Promise<Buffer>;
  /** A line that a person types; a hidden one is not shown. Throws InterruptedError, and the signal's reason once it has fired. */
  ask(prompt: string, options: { readonly hidden: boolean; readonly signal: AbortSignal }): Promise<string>;
}

/** The signals of a command that runs until it is asked to stop. */
export interface ServiceSignals {
  /** SIGTERM or SIGINT. */
  stop(): void;
  /** Called for the second of these and all after it. Where it is absent they end the process. */
  hurry?(): void;
  /** SIGHUP. */
  reload(): void;
}

export interface CliContext {
  /** Results, and nothing else. */
  readonly stdout: Output;
  /** Results that are no text, such as files; settles when there is room for more. */
  readonly writeBytes?: (bytes: Uint8Array) => Promise<void>;
  /** Progress, notes, warnings, errors. */
  readonly stderr: Output;
  readonly env: Environment;
  /** Absent where a command gets no input. */
  readonly input?: Input;
  /** Present when stderr is a terminal. */
  readonly terminal?: Terminal;
  /** True when stderr is a log file, in which colours would be noise. */
  readonly stderrIsLog?: boolean;
  /** True when stdout is a terminal: columns and colours. */
  readonly stdoutIsTTY?: boolean;
  /** Width of the terminal that stdout is, in characters; 80 when there is none, or it does not say. */
  readonly columns: number;
  /** Fires on the first SIGINT or SIGTERM. */
  readonly signal: AbortSignal;
  /** From this call on, signals go to a command that serves, and `signal` stays as it is. */
  readonly takeSignals?: (taken: ServiceSignals) => void;
  /** The exit code of the command unless it throws: 1 says that the answer is no. */
  exitCode: 0 | 1;
}
