/** `npm start`: sets up what has changed, then runs scripts/demo.ts. */
import { orSay, runCompiled, setup } from './setup.mjs';

orSay(() => {
  setup();
  runCompiled('scripts/demo.js', process.argv.slice(2));
});
