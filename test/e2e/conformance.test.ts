/** The OCI's own conformance tests of the distribution specification, run against our registry. */
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { startRegistry } from '../../src/embedded-registry/server.js';
import { tempFolder } from '../support/temp-folder.js';
import { goProgram, pathOrSkip } from '../support/references/tools.js';
import { tryRun } from '../support/run-tool.js';

/** All that the released specification knows, and what it leaves open where our registry has it. */
const SETTINGS = {
  OCI_VERSION: '1.1',
  OCI_TLS: 'disabled',
  OCI_API_BLOBS_UPLOAD_CANCEL: 'true',
  OCI_API_BLOBS_DIGEST_HEADER: 'true',
  OCI_API_MANIFESTS_DIGEST_HEADER: 'true',
};

/** Off by the suite's own defaults: a registry may refuse manifests whose parts are missing, as ours does; tags by query are not in 1.1. */
const OPTIONAL = ['Sparse Manifests', 'Tag Param', 'Tag Param sha512', 'Manifest put with tag params'];

test('the embedded registry passes the distribution-spec conformance suite', async (t) => {
  const suite = pathOrSkip(t, await goProgram('conformance'));
  if (suite === undefined) return;
  const folder = await tempFolder(t);
  await using registry = await startRegistry({ root: join(folder, 'registry') });
  const results = join(folder, 'results');
  const { status, stdout, stderr } = await tryRun(suite, [], {
    cwd: folder,
    env: { ...SETTINGS, OCI_REGISTRY: registry.host, OCI_RESULTS_DIR: results },
  });
  const report = stdout.toString('utf8');
  const count = (outcome: string): number =>
    Number(new RegExp(`^\\s+${outcome}\\.+:\\s+(\\d+)$`, 'm').exec(report)?.[1]);
  const summary = ['Pass', 'FAIL', 'Skip', 'Disabled', 'Error']
    .map((name) => `${name} ${count(name)}`)
    .join(', ');
  t.diagnostic(summary);
  const skipped = report.split('\n').filter((line) => line.endsWith(': Skip'));
  for (const line of skipped) t.diagnostic(line.trim());
  const disabled = [...report.matchAll(/^ {2}([A-Z].*?)\.+: +Disabled$/gm)].map(([, name = '']) => name);
  assert.equal(status, 0, `${summary}\n${stderr}`);
  assert.equal(count('FAIL'), 0);
  assert.equal(count('Error'), 0);
  assert.deepEqual(skipped, []);
  assert.deepEqual(disabled.sort(), [...OPTIONAL].sort());
  assert.ok(count('Pass') > 700, summary);
  assert.match(await readFile(join(results, 'junit.xml'), 'utf8'), /failures="0"/);
});
