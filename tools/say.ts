/** Says on stderr what a command does, so that stdout holds what it has found. */
export function say(text: string): void {
  process.stderr.write(`${text}\n`);
}
