/** Hands over the image that a command has pushed: to whoever reads its output, to the files that flags name, and to the steps behind it. */
import type { Descriptor } from '../oci/descriptor.js';
import { setOutputs } from './ci/github-files.js';
import type { CommandCall } from './command.js';
import { endWithResult } from './last-event.js';
import { printJson, printLine } from './text/print.js';

export interface Delivery {
  /** The name to deploy. */
  readonly image: string;
  readonly root: Descriptor;
  /** The answer of `--json`, and the last event of `--progress json`. */
  readonly document: object;
  /** Writes the files that flags name. Throws LocalIoError. */
  readonly writeFiles: () => Promise<void>;
}

export async function deliver(
  { flags, context, log }: CommandCall,
  { image, root, document, writeFiles }: Delivery,
): Promise<void> {
  const isJson = flags.isOn('json');
  // A document follows the files, so that it is the only one if a file cannot be written.
  if (!isJson) printLine(context.stdout, image);
  await writeFiles();
  setOutputs({ image, digest: root.digest }, flags, context);
  if (isJson) printJson(context.stdout, document, 2);
  if (flags.text('progress') === 'json' && !log.quiet) await endWithResult(document, context);
}
