/** Converts an image and shows what becomes of each layer; Ctrl-C stops it: `node convert.js SOURCE TARGET`. */
import { convertImage, NydusError, openSource, openTarget } from 'nydusify-ts';

const [from = '', to = ''] = process.argv.slice(2);
const stop = new AbortController();
process.once('SIGINT', () => {
  stop.abort(new Error('stopped by Ctrl-C'));
});

try {
  // Credentials are those of `docker login`.
  await using source = openSource(from);
  await using target = openTarget(to);
  const { root, images } = await convertImage(
    { source, target },
    { mergePlatform: true },
    {
      signal: stop.signal,
      reporter: {
        emit: (event) => {
          if (event.type === 'warning') console.error(`warning: ${event.message}`);
          if (event.type === 'layer.done') console.error(`layer ${event.layer + 1}: ${event.outcome}`);
        },
      },
    },
  );
  for (const { platform, nydus } of images) console.log(`${platform}  ${nydus.digest}`);
  console.log(`index  ${root.digest}`);
} catch (error) {
  // A run that is stopped rejects with the signal's own reason, and has left no tag.
  if (error === stop.signal.reason) process.exitCode = 130;
  else if (error instanceof NydusError) {
    console.error(error.code, error.message, error.remedy ?? error.hint ?? '');
    process.exitCode = error.exitCode;
  } else throw error;
}
