/** One process of the matrix: a share in JSON comes in, a result in JSON goes out on each line. */
import { text } from 'node:stream/consumers';
import { runShare, type Share } from './workers.js';

const share = JSON.parse(await text(process.stdin)) as Share; // workers.ts has written it

await runShare(share, (result) => {
  process.stdout.write(`${JSON.stringify(result)}\n`);
});
