/** The commands of docs/tasks.md, run by a shell as they stand there but for the names of registries. */
import assert from 'node:assert/strict';
import { chmod, mkdir, open, readdir, readFile, stat } from 'node:fs/promises';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { dirname, join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { pathToFileURL } from 'node:url';
import { registryListener } from '../../src/embedded-registry/server.js';
import { nydusify, registry } from '../support/command.js';
import { buildImage } from '../support/images/image-builder.js';
import { noise } from '../support/images/opaque-image.js';
import { dir, file, layer } from '../support/images/tar.js';
import { needs } from '../support/needs.js';
import { productCommand, projectRoot } from '../support/project.js';
import { authority } from '../support/registries/certificate.js';
import { startDockerRegistry } from '../support/registries/real-registries.js';
import { tryRun } from '../support/run-tool.js';
import { place, tempFolder } from '../support/temp-folder.js';

const PASSWORD = 'p4ss:wörd';
const HTPASSWD = 'ci:$2b$04$zJBfrRuBaaMk5wW6eb/M/.RHljAe0GJUiurQB8QVpPCxni221lZ4.\n';

interface Command {
  readonly task: string;
  readonly line: string;
  readonly status: number;
}

const page = join(projectRoot, 'docs', 'tasks.md');

/** Lines after `$ ` but for those of npm, which belong to package.test.ts. */
async function commands(): Promise<readonly Command[]> {
  const text = await readFile(page, 'utf8');
  return text.split(/^## /m).flatMap((section) =>
    Array.from(section.matchAll(/^\$ (.*)$/gm), ([, line = '']) => ({
      task: section.slice(0, section.indexOf('\n')),
      line: line.replace(/\s+#.*$/, ''),
      status: Number(/# exit code (\d+)$/.exec(line)?.[1] ?? 0),
    })).filter(({ line }) => !line.startsWith('npm ')),
  );
}

test('every command of the first steps does what the page says', async (t) => {
  if (!needs(t, 'docker-registry', 'openssl')) return;
  const folder = await tempFolder(t);
  const lab = await registry(t);
  const source = await lab.put(
    'app:1.0',
    buildImage({
      layers: [
        layer(dir('etc'), file('etc/os-release', 'NAME="Example"\n')),
        layer(
          dir('usr'),
          dir('usr/bin'),
          file('usr/bin/aid', 'small\n'),
          file('usr/bin/app', noise(90_000, 1)),
        ),
      ],
    }),
  );
  await damagedLayout(folder, source);
  const users = await place(folder, 'htpasswd', HTPASSWD);
  const secure = await startDockerRegistry(`auth: { htpasswd: { realm: test, path: ${users} } }\n`);
  t.after(() => secure[Symbol.asyncDispose]());
  const corp = await corporateRegistry(t, folder);
  // Nothing of the machine's own configuration takes part.
  const path = `${await shim(folder)}:${process.env['PATH'] ?? ''}`;
  const shell = ['-i', `PATH=${path}`, `HOME=${folder}`, `PASSWORD=${PASSWORD}`, 'sh', '-c'];

  await program(folder);
  const ran: string[] = [];
  for (const { task, line, status } of await commands()) {
    const here = line
      .replaceAll('registry.example/', `${lab.host}/`)
      .replaceAll('secure.example', secure.host)
      .replaceAll('corp.example', corp);
    await t.test(`${task}: ${line}`, async () => {
      const done = await tryRun('env', [...shell, here], { cwd: folder });
      assert.equal(done.status, status, done.stderr);
      const output = done.stdout.toString();
      if (line.startsWith('nydusify check oci:bad'))
        assert.match(output, /^error +CHUNK-DATA .*layer 2 .*chunk 1: .*; in \/usr\/bin\/app at 0x0$/m);
      if (line.startsWith('node')) assert.match(output, /^good \d+\n$/);
      if (line.startsWith('nydusify cat')) assert.equal(output, 'NAME="Example"\n');
    });
    ran.push(task);
  }
  assert.equal(new Set(ran).size, 10, 'every task has commands');
  assert.match(await readFile(join(folder, 'image.txt'), 'utf8'), /^\S+\/app@sha256:[0-9a-f]{64}\n$/);
  assert.match(await readFile(join(folder, 'check.xml'), 'utf8'), /^<\?xml /);
  assert.doesNotMatch(await readFile(join(folder, '.docker', 'config.json'), 'utf8'), /"auth"/);
});

/** A folder with the command under the name that users type. */
async function shim(folder: string): Promise<string> {
  const bin = join(folder, 'bin');
  await mkdir(bin);
  const script = await place(
    bin,
    'nydusify',
    `#!/bin/sh\nexec "${process.execPath}" "${productCommand}" "$@"\n`,
  );
  await chmod(script, 0o755);
  return bin;
}

/** The program of the page as `check.js` in `folder`; the package's name leads to this project. */
async function program(folder: string): Promise<void> {
  const [, text = ''] = /^```js\n(.*?)^```$/ms.exec(await readFile(page, 'utf8')) ?? [];
  assert.ok(text.includes("'nydusify-ts'"));
  const entry = pathToFileURL(join(projectRoot, 'dist', 'src', 'index.js')).href;
  await place(folder, 'check.js', text.replace("'nydusify-ts'", `'${entry}'`));
  await place(folder, 'package.json', '{ "type": "module" }');
}

/** Converts `source` to `oci:bad:v1` and changes a byte in the largest blob, which is the data of `usr/bin/app`. */
async function damagedLayout(folder: string, source: string): Promise<void> {
  const { status, stderr } = await nydusify(['convert', source, 'oci:bad:v1'], { cwd: folder });
  assert.equal(status, 0, stderr);
  const blobs = join(folder, 'bad', 'blobs', 'sha256');
  const sizes = await Promise.all(
    (await readdir(blobs)).map(async (name) => ({ name, size: (await stat(join(blobs, name))).size })),
  );
  const [largest] = sizes.sort((a, b) => b.size - a.size);
  assert.ok(largest !== undefined && largest.size > 90_000);
  await using blob = await open(join(blobs, largest.name), 'r+');
  const at = 45_000;
  const { buffer } = await blob.read(Buffer.alloc(1), 0, 1, at);
  buffer.writeUInt8(buffer.readUInt8(0) ^ 0xff);
  await blob.write(buffer, 0, 1, at);
}

/** A registry whose certificate an authority of its own has signed; `corp.pem` in `folder` is that authority. */
async function corporateRegistry(t: TestContext, folder: string): Promise<string> {
  const signer = await authority(folder);
  await place(dirname(signer.file), 'corp.pem', await readFile(signer.file, 'utf8'));
  const { cert, key } = await signer.issue('corp');
  const root = await tempFolder(t);
  const server = createServer(
    { cert: await readFile(cert), key: await readFile(key) },
    registryListener({ root }),
  );
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  return `127.0.0.1:${(server.address() as AddressInfo).port}`; // of a TCP server that listens
}
