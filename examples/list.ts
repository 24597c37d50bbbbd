/** Lists the files of an image in its registry; of a Nydus image only the bootstrap is fetched: `node list.js IMAGE`. */
import { openFilesystem, openSource, showPath, walk } from 'nydusify-ts';

const [image = ''] = process.argv.slice(2);

await using source = openSource(image);
const { root } = await openFilesystem(source);
for (const { path, node } of walk(root)) {
  const { inode } = node;
  const size = inode.kind === 'file' ? inode.size : 0;
  console.log(`${inode.kind.padEnd(9)} ${inode.mode.toString(8).padStart(4, '0')} ${size} ${showPath(path)}`);
}
