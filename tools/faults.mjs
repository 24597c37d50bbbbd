/** `npm run faults`: sets up what has changed, then runs tools/faults/main.ts. */
import { orSay, runCompiled, setup } from './setup.mjs';

orSay(() => {
  setup();
  runCompiled('tools/faults/main.js', process.argv.slice(2));
});
