/** `node tools/run.mjs NAME [ARGUMENT…]`: sets up what has changed, then runs the compiled tools/NAME.ts with the arguments. */
import { orSay, runCompiled, setup } from './setup.mjs';

orSay(() => {
  const [name, ...args] = process.argv.slice(2);
  setup();
  runCompiled(`tools/${name}.js`, args);
});
