/** `npm run registry`: sets up what has changed, then runs scripts/laboratory.ts. */
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { root, setup } from './setup.mjs';

try {
  setup();
  const result = spawnSync(
    process.execPath,
    ['--enable-source-maps', join(root, 'dist', 'scripts', 'laboratory.js'), ...process.argv.slice(2)],
    { stdio: 'inherit' },
  );
  process.exitCode = result.status ?? 1;
} catch (error) {
  process.stderr.write(`error: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
}
