/** Writes files of an image into a directory, each verified, also over what is there already: `node extract.js IMAGE DIRECTORY [PATH…]`. */
import { extractToDirectory, lookup, openChunked, openSource, pathFromText, selectedTree } from 'nydusify-ts';

const [image = '', directory = '', ...paths] = process.argv.slice(2);

await using source = openSource(image);
await using filesystem = await openChunked(source);
const { root } = filesystem;
const found = paths.map((path) => lookup(root, pathFromText(path), { follow: false }));
const tree = paths.length === 0 ? root : selectedTree(root, found);
const { files, bytes, kept, leftOut } = await extractToDirectory(filesystem, tree, directory);
console.log(`${files} files of ${bytes} bytes, ${kept} of them there already`);
for (const { path, what, reason } of leftOut) console.error(`${what} of /${path.toString()}: ${reason}`);
