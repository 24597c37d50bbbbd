/** What upstream's tests of its command line (contrib/nydusify/cmd) ask of flags, as rows that call this program. */
import assert from 'node:assert/strict';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import type { CliContext } from '../../../src/cli/context.js';
import { main } from '../../../src/cli/main.js';
import { tempFolder } from '../../support/temp-folder.js';

interface Case {
  /** The upstream test. */
  readonly of: string;
  readonly argv: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** The exit code: 2 for a refusal, 3 for a run that gets as far as its source, which is nowhere, 6 for a file that cannot be read. */
  readonly code: 2 | 3 | 6;
  readonly says: RegExp;
}

const DIGESTED = `localhost:5000/nginx:latest@sha256:${'7'.repeat(64)}`;
const NOWHERE = ['--source', 'oci:/nowhere:1'];
const REACHED = /nowhere is no OCI layout|no such file/;
const OSS = '{"bucket_name":"test","endpoint":"region.oss.com","access_key_id":"a","access_key_secret":"s"}';

const CASES = (folder: string): readonly Case[] => {
  const backend = ['convert', ...NOWHERE, '--target', 'oci:/nowhere:2', '--backend-type'];
  const target = ['--target', 'oci:/nowhere:2'];
  const both = ['--target', 'a', '--target-suffix', '-b'];
  return [
    row('TestGetTargetReference', ['convert', ...NOWHERE], 2, /--target or --target-suffix is required/),
    row(
      'TestGetTargetReference',
      ['convert', ...NOWHERE, ...both],
      2,
      /--target conflicts with --target-suffix/,
    ),
    row('TestGetTargetReference', ['convert', ...NOWHERE, ...target], 3, REACHED),
    row('TestGetTargetReference', ['convert', ...NOWHERE, '--target-suffix', '-nydus'], 3, REACHED),
    row(
      'TestAddReferenceSuffix',
      ['convert', '--source', DIGESTED, '--target-suffix', '-x'],
      2,
      /unsupported digested image reference/,
    ),
    row(
      'TestAddReferenceSuffix',
      ['convert', '--source', 'localhost:5000\nnginx', '--target-suffix', '-x'],
      2,
      /invalid/,
    ),
    row(
      'TestParseBackendConfig',
      [...backend, 'oss', '--backend-config', OSS, '--backend-config-file', join(folder, 'oss.json')],
      2,
      /--backend-config conflicts with --backend-config-file/,
    ),
    row(
      'TestParseBackendConfig',
      [...backend, 'localfs', '--backend-config-file', join(folder, 'none.json')],
      6,
      /cannot read .*none\.json/,
    ),
    row(
      'TestGetBackendConfig',
      [...backend, 'errType', '--backend-config', '{}'],
      2,
      /--backend-type should be one of/,
    ),
    row(
      'TestGetBackendConfig',
      [...backend, 'oss'],
      2,
      /backend configuration is empty, please specify option '--backend-config'/,
    ),
    row(
      'TestGetBackendConfig',
      [...backend, 'localfs', '--backend-config', `{"dir":"${folder}"}`],
      3,
      REACHED,
    ),
    row(
      'TestGetBackendConfig',
      [...backend, 'localfs', '--backend-config-file', join(folder, 'localfs.json')],
      3,
      REACHED,
    ),
    row(
      'TestGetCacheReference',
      ['convert', ...NOWHERE, ...target, '--build-cache', 'c', '--build-cache-tag', 't'],
      2,
      /--build-cache conflicts with --build-cache-tag/,
    ),
    row(
      'TestGetCacheReference',
      ['convert', ...NOWHERE, ...target, '--build-cache-max-records', '0', '--build-cache', 'a:b'],
      2,
      /should be greater than 0/,
    ),
    row(
      'TestMaxCacheMaxRecordsValue',
      ['convert', ...NOWHERE, ...target, '--build-cache-max-records', '201', '--build-cache', 'a:b'],
      2,
      /should not be greater than 200/,
    ),
    row(
      'TestGetPrefetchPatterns',
      ['convert', ...NOWHERE, ...target, '--prefetch-dir', '/etc/passwd', '--prefetch-patterns'],
      2,
      /--prefetch-dir conflicts with --prefetch-patterns/,
    ),
    row(
      'TestGetPrefetchPatterns',
      ['convert', ...NOWHERE, ...target, '--prefetch-dir', '/etc/passwd'],
      3,
      REACHED,
    ),
    row('TestGetPrefetchPatterns', ['convert', ...NOWHERE, ...target, '--prefetch-patterns'], 3, REACHED),
    row(
      'TestValidateSourceAndTargetArchives',
      ['convert', '--source', 'a', '--target', 'b', '--source-archive', '/path/to/none.tar'],
      2,
      /source archive not accessible/,
    ),
    row(
      'TestValidateSourceAndTargetArchives',
      ['convert', '--source', 'a', '--target', 'b', '--target-archive', '/none/at/all/target.tar'],
      2,
      /target archive directory not accessible/,
    ),
    row(
      'TestValidateSourceAndTargetArchives',
      ['convert', ...NOWHERE, '--target', 'b', '--target-archive', join(folder, 'out.tar')],
      3,
      REACHED,
    ),
    row(
      'TestGetGlobalFlagNames',
      ['-D', '-l', 'warn', '--log-file', join(folder, 'log'), 'check', '--target', 'oci:/nowhere:1'],
      3,
      REACHED,
    ),
    row(
      'TestSetupLogLevelInvalidLevel',
      ['--log-level', 'not-a-valid-level', 'check', '--target', 'oci:/nowhere:1'],
      3,
      /not-a-valid-level/,
    ),
    row(
      'TestSetupLogLevelWithInvalidLogFile',
      ['--log-file', join(folder, 'none', 'log'), 'check', '--target', 'oci:/nowhere:1'],
      3,
      /log/,
    ),
    row('TestTryReverseConvert', ['convert', '--reverse', ...NOWHERE, ...target], 3, REACHED),
    row(
      'TestMainCheckCommand',
      ['check', '--target', 'oci:/nowhere:1', '--work-dir', join(folder, 'work')],
      3,
      REACHED,
    ),
  ];
};

function row(of: string, argv: readonly string[], code: Case['code'], says: RegExp): Case {
  return { of, argv, code, says };
}

async function call({ argv, env = {} }: Case): Promise<readonly [code: number, text: string]> {
  let text = '';
  const context: CliContext = {
    stdout: { write: (more) => (text += more) },
    stderr: { write: (more) => (text += more) },
    env,
    columns: 80,
    signal: new AbortController().signal,
    exitCode: 0,
  };
  return [await main(argv, context), text];
}

test("upstream's cases of flags end as they do there", async (t) => {
  const folder = await tempFolder(t);
  await writeFile(join(folder, 'oss.json'), OSS);
  await writeFile(join(folder, 'localfs.json'), JSON.stringify({ dir: folder }));
  await mkdir(join(folder, 'work'));
  for (const one of CASES(folder)) {
    const [code, text] = await call(one);
    assert.equal(code, one.code, `${one.of}: ${one.argv.join(' ')}: ${text}`);
    assert.match(text, one.says, `${one.of}: ${one.argv.join(' ')}`);
  }
});
