/**
 * `npm start`, once everything is built: converts and checks a real image through a registry of ours, or, with
 * SOURCE and TARGET, the user's own image.
 */
import { spawn } from 'node:child_process';
import { DEMO_REPOSITORY, openLab } from './demo-registry.js';
import { productCommand } from '../../test/support/project.js';

function say(text: string): void {
  process.stderr.write(`\n▸ ${text}\n`);
}

/** Runs the command as a user types it, and shows what was typed. */
async function nydusify(...args: string[]): Promise<void> {
  say(`nydusify ${args.join(' ')}`);
  const status = await new Promise<number | null>((resolve, reject) => {
    const child = spawn(process.execPath, [productCommand, ...args], {
      stdio: 'inherit',
    });
    child.on('error', reject);
    child.on('close', resolve);
  });
  if (status !== 0) throw new Error(`nydusify ${args[0] ?? ''} ended with exit code ${status}`);
}

async function convertAndCheck(source: string, target: string): Promise<void> {
  await nydusify('convert', '--merge-platform', source, target);
  await nydusify('check', target, source);
}

async function main(args: readonly string[]): Promise<void> {
  const [source, target] = args;
  if (source !== undefined && target !== undefined) {
    await convertAndCheck(source, target);
    return;
  }
  if (source !== undefined) throw new Error('usage: npm start, or npm start -- SOURCE TARGET');
  await using lab = await openLab(0, say);
  await convertAndCheck(lab.image, `${lab.registry.host}/${DEMO_REPOSITORY}:1.0-nydus`);
  say(`done: a three-layer image was pulled, converted to RAFS v6, pushed as a merged index and checked

  Next:
    npm run registry                                   the same registry, left running, with commands to try
    npm start -- SOURCE TARGET                         your own image
    node bin/nydusify.js convert --help                every flag, with examples`);
}

try {
  await main(process.argv.slice(2));
} catch (error) {
  process.stderr.write(`error: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
}
