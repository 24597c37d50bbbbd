/** One process of the matrix: a share in JSON comes in, a result in JSON goes out on each line. */
import { text } from 'node:stream/consumers';
import { runShare, type Share } from './matrix-run.js';

const share = JSON.parse(await text(process.stdin)) as Share; // matrix-run.ts wrote it

await runShare(share, (result) => {
  process.stdout.write(`${JSON.stringify(result)}\n`);
});
