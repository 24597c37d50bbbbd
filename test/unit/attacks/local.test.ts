/** Another user of the machine, who puts files, links and programs where this user's runs look for their own. */
import assert from 'node:assert/strict';
import { chmod, chown, lstat, mkdir, readdir, readFile, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { LocalIoError, NydusError } from '../../../src/errors.js';
import { readSettings } from '../../../src/io/settings-file.js';
import { openScratch } from '../../../src/io/scratch.js';
import { askHelper } from '../../../src/registry/auth/credential-helper.js';
import { anonymous, dockerCredentials } from '../../../src/registry/auth/credentials.js';
import { endpointsOf } from '../../../src/registry/distribution/endpoints.js';
import { parseReference } from '../../../src/oci/reference.js';
import { openSource, openTarget } from '../../../src/registry/open.js';
import { nydusify } from '../../support/command.js';
import { noise, pushImage, readImage, sampleImage } from '../../support/images/opaque-image.js';
import { needs } from '../../support/needs.js';
import { runTool } from '../../support/run-tool.js';
import { tempFolder } from '../../support/temp-folder.js';

const image = sampleImage([noise(20_000, 7)]);
const options = { credentials: anonymous };
const EVIL = JSON.stringify({ credsStore: 'evil', auths: { 'a.b': { auth: 'ZXZpbDpldmls' } } });

interface Lab {
  /** A folder that all users share, as `/tmp`. */
  readonly shared: string;
  /** A folder of this user alone. */
  readonly own: string;
}

async function lab(t: TestContext): Promise<Lab> {
  const folder = await tempFolder(t);
  const [shared, own] = [join(folder, 'shared'), join(folder, 'own')];
  await mkdir(shared);
  await mkdir(own);
  await chmod(shared, 0o1777);
  return { shared, own };
}

/** Gives a file, a folder or a link to another user. */
const give = async (path: string): Promise<void> => {
  await runTool('chown', ['-h', '1:1', path]);
};

const refused = (read: Promise<unknown>): Promise<void> =>
  assert.rejects(read, (error) => /another user has put|that another user has/.test(String(error)));

const ATTACKS: Readonly<Record<string, (lab: Lab) => Promise<void>>> = {
  "a docker configuration in a shared folder that is this user's home": async ({ shared }) => {
    await mkdir(join(shared, '.docker'));
    await writeFile(join(shared, '.docker', 'config.json'), EVIL);
    await give(join(shared, '.docker', 'config.json'));
    await give(join(shared, '.docker'));
    const store = dockerCredentials({ env: { HOME: shared, PATH: '/usr/bin' } });
    await assert.rejects(
      store.get('a.b'),
      (error) => error instanceof LocalIoError && /another user has put/.test(error.message),
    );
  },
  'an authfile under the name that this user gave, before this user': async ({ shared }) => {
    const path = join(shared, 'auth.json');
    await writeFile(path, EVIL);
    await give(path);
    await refused(dockerCredentials({ paths: [path], env: {} }).get('a.b'));
  },
  'a link to an authfile of its own': async ({ shared, own }) => {
    await writeFile(join(own, 'auth.json'), EVIL);
    await symlink(join(own, 'auth.json'), join(shared, 'auth.json'));
    await give(join(shared, 'auth.json'));
    await refused(dockerCredentials({ paths: [join(shared, 'auth.json')], env: {} }).get('a.b'));
  },
  'a hosts.toml that sends all requests to another host': async ({ shared }) => {
    const folder = join(shared, 'hosts', '_default');
    await mkdir(folder, { recursive: true });
    await writeFile(join(folder, 'hosts.toml'), 'server = "http://evil.example"\n');
    await chown(join(folder, 'hosts.toml'), 1, 1);
    await chown(join(shared, 'hosts'), 1, 1);
    await refused(endpointsOf(parseReference('a.b/c:1'), { hostsDir: join(shared, 'hosts') }));
  },
  'an authority under the name that this user gave to --ca': async ({ shared }) => {
    const path = join(shared, 'ca.pem');
    await writeFile(path, '-----BEGIN CERTIFICATE-----');
    await give(path);
    await refused(readSettings(path));
  },
  'a credential helper in the working folder, where PATH has an empty or a relative folder': async ({
    shared,
  }) => {
    const path = join(shared, 'docker-credential-x');
    await writeFile(
      path,
      `#!/bin/sh\necho run >> ${join(shared, 'ran')}\necho '{"Username":"evil","Secret":"evil"}'\n`,
    );
    await chmod(path, 0o755);
    await writeFile(join(shared, 'config.json'), JSON.stringify({ credsStore: 'x' }));
    for (const PATH of ['', '.', ':/usr/bin', '/usr/bin:', './:/bin', '/usr/bin:.:']) {
      await assert.rejects(
        within(shared, () =>
          askHelper('x', 'a.b', { env: { PATH }, timeoutMs: 5_000, searched: 'a test', signal: undefined }),
        ),
        /is not installed/,
      );
    }
    assert.ok(!(await readdir(shared)).includes('ran'));
  },
  'a helper whose name leads out of the folders of programs': async () => {
    for (const name of ['../../tmp/x', '/tmp/x', 'a/b', 'x;id', '$(id)', '-x\n', ''])
      await assert.rejects(
        askHelper(name, 'a.b', {
          env: { PATH: '/usr/bin' },
          timeoutMs: 5_000,
          searched: 'a test',
          signal: undefined,
        }),
        /is no name of a credential helper/,
      );
  },
  'a link under the name of a layout that is to be written': async ({ shared, own }) => {
    await symlink(own, join(shared, 'layout'));
    await give(join(shared, 'layout'));
    await using target = openTarget(`oci:${join(shared, 'layout')}:1`, options);
    await refused(pushImage(target, image));
    assert.deepEqual(await readdir(own), []);
  },
  'a link on the way to a layout that is to be written': async ({ shared, own }) => {
    await symlink(own, join(shared, 'images'));
    await give(join(shared, 'images'));
    await using target = openTarget(`oci:${join(shared, 'images', 'layout')}:1`, options);
    await refused(pushImage(target, image));
    assert.deepEqual(await readdir(own), []);
  },
  'a link on the way to an archive that is to be written': async ({ shared, own }) => {
    await symlink(own, join(shared, 'images'));
    await give(join(shared, 'images'));
    await using target = openTarget(`oci-archive:${join(shared, 'images', 'a.tar')}:1`, options);
    await refused(pushImage(target, image));
    assert.deepEqual(await readdir(own), []);
  },
  'a link under the name of an archive that is to be written': async ({ shared, own }) => {
    await writeFile(join(own, 'victim'), 'precious');
    await symlink(join(own, 'victim'), join(shared, 'a.tar'));
    {
      await using target = openTarget(`oci-archive:${join(shared, 'a.tar')}:1`, options);
      await pushImage(target, image);
    }
    assert.equal(await readFile(join(own, 'victim'), 'utf8'), 'precious');
    assert.ok((await lstat(join(shared, 'a.tar'))).isFile());
  },
  'a link in the place of index.json in a layout that is written': async ({ shared, own }) => {
    await writeFile(join(own, 'victim'), '{"schemaVersion":2,"manifests":[]}');
    await mkdir(join(shared, 'layout'));
    await symlink(join(own, 'victim'), join(shared, 'layout', 'index.json'));
    await using target = openTarget(`oci:${join(shared, 'layout')}:1`, options);
    await pushImage(target, image);
    assert.equal(await readFile(join(own, 'victim'), 'utf8'), '{"schemaVersion":2,"manifests":[]}');
    assert.ok((await lstat(join(shared, 'layout', 'index.json'))).isFile());
  },
  'a layout whose index names blobs by paths out of it': async ({ own }) => {
    await writeFile(join(own, 'oci-layout'), '{"imageLayoutVersion":"1.0.0"}');
    for (const digest of [
      'sha256:../../../../etc/passwd',
      `sha256:${'../'.repeat(21)}x`,
      'sha512:00',
      'md5:x/../y',
    ]) {
      const entry = { mediaType: 'application/vnd.oci.image.manifest.v1+json', digest, size: 5 };
      await writeFile(join(own, 'index.json'), JSON.stringify({ schemaVersion: 2, manifests: [entry] }));
      await using source = openSource(`oci:${own}`, options);
      await assert.rejects(
        readImage(source),
        (error) => error instanceof NydusError && /not a sha256 digest/.test(error.message),
      );
    }
  },
  'a umask of 0, so that all may write to what a run makes for itself': async ({ own }) => {
    const before = process.umask(0);
    try {
      await using scratch = await openScratch(own);
      assert.equal((await lstat(scratch.path)).mode & 0o777, 0o700);
    } finally {
      process.umask(before);
    }
  },
};

/** Calls with another working folder; nothing else in this process may depend on it meanwhile. */
async function within<T>(folder: string, call: () => Promise<T>): Promise<T> {
  const before = process.cwd();
  process.chdir(folder);
  try {
    return await call();
  } finally {
    process.chdir(before);
  }
}

for (const [attack, run] of Object.entries(ATTACKS)) {
  test(`another user of the machine: ${attack}`, async (t) => {
    if (!needs(t, 'root')) return;
    await run(await lab(t));
  });
}

test('settings of this user and of root are read in a shared folder, and those of others in a folder that all may change', async (t) => {
  if (!needs(t, 'root')) return;
  const { shared, own } = await lab(t);
  await writeFile(join(shared, 'mine'), 'a');
  await writeFile(join(own, 'linked'), 'b');
  await symlink(join(own, 'linked'), join(shared, 'link'));
  assert.equal(await readSettings(join(shared, 'mine')), 'a');
  assert.equal(await readSettings(join(shared, 'link')), 'b');
  // As a volume that the containers of a pod share, each with a user of its own.
  const volume = join(own, 'volume');
  await mkdir(volume);
  await chmod(volume, 0o777);
  await writeFile(join(volume, 'config.json'), 'c');
  await chown(join(volume, 'config.json'), 1, 1);
  assert.equal(await readSettings(join(volume, 'config.json')), 'c');
});

test('a request to a web server: a header Proxy, which CGI makes HTTP_PROXY of, leads no request to a proxy', async (t) => {
  const folder = await tempFolder(t);
  const run = (env: Readonly<Record<string, string>>) =>
    nydusify(['inspect', '--plain-http', 'registry.invalid/a:1'], {
      env: { HTTP_PROXY: 'http://127.0.0.1:9', HOME: folder, ...env },
    });
  assert.match((await run({})).stderr, /by way of proxy 127\.0\.0\.1:9/);
  assert.doesNotMatch((await run({ REQUEST_METHOD: 'POST' })).stderr, /proxy/);
  const lower = await run({ REQUEST_METHOD: 'POST', http_proxy: 'http://127.0.0.1:10' });
  assert.match(lower.stderr, /by way of proxy 127\.0\.0\.1:10/);
});
