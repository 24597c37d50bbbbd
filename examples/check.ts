/** Checks a Nydus image, against its source when one is given, and prints findings as JSON: `node check.js TARGET [SOURCE]`. */
import { checkImage, openSource } from 'nydusify-ts';

const [to = '', from] = process.argv.slice(2);

await using target = openSource(to);
await using source = from === undefined ? undefined : openSource(from);
const { verdict, findings } = await checkImage({ source, target });
console.log(JSON.stringify({ verdict, findings }, undefined, 2));
process.exitCode = verdict === 'good' ? 0 : 1;
