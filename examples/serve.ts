/** Serves the files of an image over HTTP and WebDAV until Ctrl-C; chunks are fetched when a client asks: `node serve.js IMAGE [PORT]`. */
import { ImageServer, openChunked, openSource } from 'nydusify-ts';

const [image = '', port = '0'] = process.argv.slice(2);

await using source = openSource(image);
await using filesystem = await openChunked(source);
await using server = await ImageServer.start(filesystem, {
  port: Number(port),
  onAnswer: ({ method, target, status }) => {
    console.error(method, target, status);
  },
});
console.log(server.address);
await new Promise((resolve) => process.once('SIGINT', resolve));
