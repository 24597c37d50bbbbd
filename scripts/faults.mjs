/** `npm run faults`: sets up what has changed, then runs scripts/faults.ts. */
import { orSay, runCompiled, setup } from './setup.mjs';

orSay(() => {
  setup();
  runCompiled('scripts/faults.js', process.argv.slice(2));
});
