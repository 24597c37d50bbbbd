/** `npm run registry`: sets up what has changed, then runs scripts/laboratory.ts. */
import { orSay, runCompiled, setup } from './setup.mjs';

orSay(() => {
  setup();
  runCompiled('scripts/laboratory.js', process.argv.slice(2));
});
