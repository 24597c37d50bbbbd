/** `npm run registry`: leaves the demonstration registry running, and prints commands to try on it. */
import { DEMO_REPOSITORY, openLab } from './demo-registry.js';

const PORT = 5080;

const lab = await openLab(Number(process.argv[2] ?? PORT), (text) => process.stderr.write(`▸ ${text}\n`));
const target = `${lab.registry.host}/${DEMO_REPOSITORY}:1.0-nydus`;
process.stderr.write(`
The registry listens on ${lab.registry.host}. In another terminal:

  node bin/nydusify.js convert --merge-platform ${lab.image} ${target}
  node bin/nydusify.js check --source ${lab.image} --target ${target}
  curl http://${lab.registry.host}/v2/${DEMO_REPOSITORY}/tags/list

Ctrl-C ends it; what is in it stays.
`);
process.once('SIGINT', () => void lab[Symbol.asyncDispose]());
process.once('SIGTERM', () => void lab[Symbol.asyncDispose]());
