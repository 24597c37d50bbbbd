/** `npm run registry`: sets up what has changed, then runs tools/laboratory.ts. */
import { orSay, runCompiled, setup } from './setup.mjs';

orSay(() => {
  setup();
  runCompiled('tools/laboratory.js', process.argv.slice(2));
});
