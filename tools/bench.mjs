/** `npm run bench`: sets up what has changed, builds the native yardstick, then runs tools/bench/main.ts. */
import { buildBound, orSay, runCompiled, setup } from './setup.mjs';

orSay(() => {
  setup();
  buildBound();
  runCompiled('tools/bench/main.js', process.argv.slice(2));
});
