/** `npm test -- --all-nodes [NAME…]`: runs unit and end-to-end tests, or those that are named, with every maintained line of Node. */
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { NODE_LINES, nodeFolder } from './support/node-lines.js';

const names = process.argv.slice(2).filter((argument) => argument !== '--all-nodes');
const tests = names.some((name) => !name.startsWith('-')) ? names : [...names, 'unit', 'e2e'];
const failed: string[] = [];

for (const version of NODE_LINES) {
  const folder = nodeFolder(version);
  console.log(`\nNode ${version}`);
  const { status } = spawnSync(
    join(folder, 'node'),
    ['--enable-source-maps', join(import.meta.dirname, 'run.js'), ...tests],
    {
      stdio: ['ignore', 'inherit', 'inherit'],
      env: { ...process.env, PATH: `${folder}:${process.env['PATH'] ?? ''}` },
    },
  );
  if (status !== 0) failed.push(version);
}

console.log(
  failed.length === 0
    ? `\nall good with Node ${NODE_LINES.join(', ')}`
    : `\nfailed with Node ${failed.join(', ')}`,
);
process.exitCode = failed.length === 0 ? 0 : 1;
