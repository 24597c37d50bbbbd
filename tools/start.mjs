/** `npm start`: sets up what has changed, then runs tools/demo.ts. */
import { orSay, runCompiled, setup } from './setup.mjs';

orSay(() => {
  setup();
  runCompiled('tools/demo.js', process.argv.slice(2));
});
