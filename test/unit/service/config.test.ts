/** The configuration: upstream's files as they are, every key as it says, and sentences for what is wrong. */
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { UsageError } from '../../../src/errors.js';
import {
  effectiveConfig,
  readServiceConfig,
  type ServiceConfig,
  UnsupportedConfigError,
} from '../../../src/service/config/config.js';
import { tempFolder } from '../../support/temp-folder.js';

const ENV = { HOME: '/home/me' };

function read(text: string, env: Readonly<Record<string, string>> = ENV): ServiceConfig {
  return readServiceConfig(text, 'config.yaml', env);
}

/** All keys of upstream's template for Nydus. */
const UPSTREAM = `
server: { name: API, host: 0.0.0.0, port: 2077 }
metric: { enabled: true }
provider:
  source:
    hub.harbor.example:
      auth: YTpiCg==
      insecure: false
      webhook:
        auth_header: header
    localhost:
  work_dir: /tmp
  gcpolicy:
      threshold: 1000MB
  cache_size: 200
  cache_version: v1
converter:
  worker: 5
  harbor_annotation: true
  driver:
    type: nydus
    config:
      work_dir: /tmp
      with_referrer: true
  rules:
    - tag_suffix: -nydus
    - cache_tag: nydus-cache
`;

test('a file of upstream means what it means there', () => {
  const { settings, hosts, rules, workDir } = read(UPSTREAM);
  assert.equal(settings.server.port, 2077);
  assert.equal(settings.provider.gcpolicy.threshold, 1000e6);
  assert.equal(settings.converter.worker, 5);
  assert.equal(workDir, '/tmp/nydusify');
  assert.deepEqual([...hosts.byName.keys()], ['hub.harbor.example', 'localhost']);
  assert.deepEqual(hosts.byName.get('hub.harbor.example')?.credential, { username: 'a', password: 'b' });
  const [rule] = rules.rules;
  assert.equal(rules.rules.length, 1);
  assert.equal(rule?.target.tag, '{tag}-nydus');
  assert.equal(rule.cacheTag, 'nydus-cache');
  assert.equal(rule.driver.options.withReferrer, true);
  assert.deepEqual([...rules.suffixes, ...rules.cacheTags], ['-nydus', 'nydus-cache']);
});

test('an empty file has the defaults, and warns that it converts nothing', () => {
  const { settings, workDir, warnings } = read('');
  assert.equal(settings.server.name, 'API');
  assert.equal(settings.provider.cache_size, 200);
  assert.equal(settings.provider.gcpolicy.threshold, 10e9);
  assert.equal(workDir, '/home/me/.local/state/nydusify');
  assert.match(warnings.join('\n'), /nothing will be converted/);
});

const DRIVER = (option: string): string =>
  `converter: { driver: { config: { ${option} } }, rules: [{ tag_suffix: -n }] }`;

test("options of the driver are read by their source text, as Go's reader hands them on", () => {
  const options = (text: string): unknown => read(DRIVER(text)).rules.rules[0]?.driver.options;
  assert.deepEqual(options('fs_chunk_size: 0x200000'), { chunkSize: 0x200000 });
  assert.deepEqual(options('batch_size: "0x10000"'), { batchSize: 0x10000 });
  assert.deepEqual(options('merge_manifest: T'), { mergePlatform: true });
  assert.deepEqual(options('rafs_version: 5, fs_align_chunk: true'), { fsVersion: 5, alignChunks: true });
  assert.deepEqual(options('rafs_compressor: none, compressor: lz4_block'), { compressor: 'lz4_block' });
  assert.deepEqual(options('oci_ref: true'), { ociRef: 'zran', fsVersion: 6, oci: true });
  assert.deepEqual(options('builder: nydus-image'), {});
  assert.deepEqual(options('prefetch_patterns: "/bin\\n/etc/passwd"'), {
    prefetch: [
      { path: '/bin', kind: 'exact' },
      { path: '/etc/passwd', kind: 'exact' },
    ],
  });
  assert.equal(
    read(DRIVER('chunk_dict_ref: r.example/d:1')).rules.rules[0]?.driver.dictionary,
    'r.example/d:1',
  );
});

const LOCALFS = `backend_type: localfs, backend_config: '{"dir":"/b"}'`;
/** A sweep whose later keys win. */
const SWEEP = (more: string): string => {
  const given = new Map(more.split(/, (?=[a-z]+: )/).map((pair) => [pair.split(':')[0] ?? '', pair]));
  const keys = new Map([['name', 'name: a'], ['host', 'host: a.example'], ...given]);
  return `provider: { source: { a.example: {} } }\nsweeps: [{ ${[...keys.values()].filter((pair) => pair !== '').join(', ')} }]`;
};

/** Faulty text, and what the sentence must name. */
const FAULTS: readonly (readonly [text: string, named: RegExp])[] = [
  ['server: { port: 70000 }', /server\.port should be from 0 to 65535/],
  ['server: { port: x }', /server\.port should be a whole number/],
  ['metric: { enabled: maybe }', /metric\.enabled should be true or false/],
  ['server: [1]', /server should be a map/],
  ['server: { host: { a: b } }', /server\.host should be text, not a map/],
  ['converter: { worker: 0 }', /converter\.worker should be from 1/],
  ['converter: { timeout: 5 }', /converter\.timeout should be a duration/],
  ['provider: { gcpolicy: { threshold: lots } }', /gcpolicy\.threshold should be a size/],
  ['provider: { source: { "a.example": { auth: YWJj } } }', /auth should be "user:secret"/],
  ['provider: { source: { "a.example/b": {} } }', /more than a host/],
  ['converter: { driver: { type: other } }', /unsupported driver other/],
  ['a: 1\na: 2', /config\.yaml:2: /],
  ['a: [', /config\.yaml:1/],
  [DRIVER('merge_manifest: yes'), /driver\.config\.merge_manifest should be true or false/],
  [DRIVER('with_referrer: 2'), /driver\.config\.with_referrer should be true or false/],
  [DRIVER('fs_version: 7'), /fs_version should be 5 or 6/],
  [DRIVER('compressor: gzip'), /compressor should be one of/],
  [DRIVER('fs_chunk_size: 100'), /chunk size 100 is not a power of two/],
  ['converter: { rules: [{ cache_tag: "-x" }] }', /cache_tag "-x" is not a tag/],
  ['converter: { rules: [{ tag_suffix: "/x" }] }', /makes no valid name/],
  ['converter: { rules: [{ name: a }] }', /would replace its source/],
  ['converter: { rules: [{ name: a, replace: true }] }', /needs merge_manifest/],
  ['converter: { rules: [{ name: a, target: { tag: "{tga}-n" } }] }', /\{tga\} is not known/],
  [
    'converter: { rules: [{ tag_suffix: -n, platforms: "a/b/c/d" }] }',
    /rules\[0\]\.platforms|invalid platform/,
  ],
  ['webhooks: [{ name: a, type: harbor }]', /webhooks\[0\] has no auth\.value/],
  ['webhooks: [{ name: a, type: other }]', /webhooks\[0\]\.type should be harbor or/],
  ['webhooks: [{ name: a b, unauthenticated: true }]', /webhooks\[0\]\.name/],
  ['webhooks: [{ name: a, type: quay, unauthenticated: true }]', /webhooks\[0\]\.registry is missing/],
  [
    'webhooks: [{ name: a, type: quay, registry: q.example, unauthenticated: true }]',
    /q\.example is not in provider\.source/,
  ],
  ['webhooks: [{ name: a, unauthenticated: true, allow: [10.0.0.0/33] }]', /not a network/],
  ['server: { name: "${env:MISSING}" }', /server\.name needs the variable MISSING/],
  ['server: { name: "${file:/nonexistent}" }', /server\.name needs the file \/nonexistent/],
  ['server: { tls: { cert: a } }', /needs both cert and key/],
  ['provider: { source: { "a.example": { endpoint: "ftp://b" } } }', /endpoint: "ftp:\/\/b" is neither/],
  ['provider: { source: { "a.example": { endpoint: "http://u:p@b" } } }', /endpoint: .*holds a user/],
  [
    'provider: { source: { "a.example": { endpoint: "https://b", plain_http: true } } }',
    /plain_http contradicts/,
  ],
  ['provider: { source: { "a.example": { rate: fast } } }', /rate should be a size/],
  [DRIVER('backend_type: localfs'), /driver\.config\.backend_type needs backend_config/],
  [DRIVER('backend_config: "{}"'), /driver\.config\.backend_config needs backend_type/],
  [DRIVER('backend_force_push: true'), /backend_force_push needs backend_type and backend_config/],
  [DRIVER('backend_type: ftp, backend_config: "{}"'), /one of oss, s3, localfs, not "ftp"/],
  [DRIVER('backend_type: localfs, backend_config: "{}"'), /the localfs backend has no dir/],
  [DRIVER(`oci_ref: true, ${LOCALFS}`), /backend_type conflicts with oci_ref/],
  [SWEEP(''), /sweeps\[0\]\.cron "" is not a time/],
  [SWEEP('cron: "0 0 2 * * *"'), /sweeps\[0\]\.cron "0 0 2 \* \* \*" is not a time/],
  [SWEEP('cron: "0 2 31 2 *"'), /is not a time/],
  [SWEEP('cron: "2027-01-01T00:00:00"'), /is not a time/],
  [SWEEP('cron: "0 2 * * *", zone: Europe/Nowhere'), /zone "Europe\/Nowhere" is not a time zone/],
  [SWEEP('cron: "0 2 * * *", name: a b'), /name "a b" should be letters/],
  [SWEEP('cron: "0 2 * * *", host: b.example'), /host b\.example is not in provider\.source/],
  [SWEEP('cron: "0 2 * * *", host: ""'), /sweeps\[0\]\.host is missing/],
  [SWEEP('cron: "0 2 * * *", repositories: [A]'), /"A" is not a repository/],
];

for (const [text, named] of FAULTS) {
  test(`a fault stops the start and is named: ${text}`, () => {
    assert.throws(
      () => read(text),
      (error) => error instanceof UsageError && named.test(error.message),
    );
  });
}

for (const [text, named] of [
  ['converter: { driver: { type: estargz } }', /driver\.type estargz/],
  ['queue: { url: redis://q }', /queue\.url/],
  [DRIVER('encrypt_recipients: a'), /encrypt_recipients/],
] as const) {
  test(`what cannot be done yet is UNSUPPORTED, and named: ${text}`, () => {
    assert.throws(
      () => read(text),
      (error) => error instanceof UnsupportedConfigError && named.test(error.message),
    );
  });
}

test('a storage backend, an endpoint, a rate and a sweep are read', () => {
  const { rules, hosts, sweeps } = read(`
provider: { source: { a.example: { endpoint: "http://harbor-core:8080", rate: 100MB } } }
converter: { driver: { config: { ${LOCALFS}, backend_force_push: 1 } }, rules: [{ tag_suffix: -n }] }
sweeps: [{ name: nightly, cron: "0 2 * * *", zone: Europe/Berlin, host: a.example, repositories: ["team/**"] }]`);
  assert.deepEqual(rules.rules[0]?.driver.backend, {
    config: { type: 'localfs', dir: '/b' },
    isForced: true,
  });
  const { endpoint, rate } = hosts.byName.get('a.example')?.settings ?? {};
  assert.deepEqual([endpoint, rate], ['http://harbor-core:8080', 100e6]);
  assert.deepEqual(sweeps.get('nightly'), {
    name: 'nightly',
    cron: '0 2 * * *',
    zone: 'Europe/Berlin',
    registry: 'a.example',
    repositories: ['team/**'],
    tags: ['*'],
  });
});

test('numbers are read as Go reads them', () => {
  for (const [text, port] of [
    ['010', 8],
    ['0o10', 8],
    ['0x10', 16],
    ['0b11', 3],
    ['2_077', 2077],
    ['"80"', 80],
    ['8e3', 8000],
    ['80.0', 80],
    ['+2_0.e+2', 2000],
  ] as const)
    assert.equal(read(`server: { port: ${text} }`).settings.server.port, port, text);
  for (const text of ['80.5', '1e-3', '0x', '1e', '.', '1e99'])
    assert.throws(
      () => read(`server: { port: ${text} }`),
      /server\.port should be a whole number, not/,
      text,
    );
});

test('a folder of conversions that the threshold does not count is a warning', () => {
  const warned = (folder: string): boolean =>
    read(DRIVER(`work_dir: ${folder}`)).warnings.some((one) => one.includes('does not count'));
  const { workDir } = read('');
  assert.deepEqual(
    [warned('/elsewhere'), warned(`${workDir}/spool`), warned(`${workDir}x`)],
    [true, false, true],
  );
});

test('an unknown key is a warning with the nearest known one', () => {
  const { warnings } = read(`${DRIVER('merge_manifst: true')}\nserver: { prot: 1, name: x }\nzzzzzzzz: 1`);
  const all = warnings.join('\n');
  assert.match(all, /server\.prot .* did you mean server\.port\?/);
  assert.match(all, /merge_manifst .* did you mean converter\.driver\.config\.merge_manifest\?/);
  assert.match(all, /zzzzzzzz is not known and has no effect$/m);
});

test('secrets come from variables and files, and the effective configuration hides them', async (t) => {
  const folder = await tempFolder(t);
  writeFileSync(join(folder, 'hook'), 'from-file\n');
  const config = read(
    `provider: { source: { a.example: { auth: "dXNlcjpwYXNzd29yZA==", webhook: { auth_header: "\${env:HOOK}" } } } }
converter: { driver: { config: { backend_type: oss, backend_config: '{"endpoint":"o","bucket_name":"b","access_key_id":"i","access_key_secret":"bucket-key"}' } } }
webhooks: [{ name: w, type: acr, registry: a.example, auth: { value: "\${file:${folder}/hook}" } }]
api: { tokens: [{ name: t, value: api-token, scope: write }] }`,
    { ...ENV, HOOK: 'from-env' },
  );
  assert.equal(config.hosts.byName.get('a.example')?.settings.webhook.auth_header, 'from-env');
  assert.equal(config.webhooks.get('w')?.auth?.value, 'from-file');
  const shown = effectiveConfig(config);
  for (const secret of ['dXNlcjpwYXNzd29yZA', 'password', 'from-env', 'from-file', 'api-token', 'bucket-key'])
    assert.ok(!shown.includes(secret), secret);
  assert.match(shown, /auth_header: "?\*{8}/);
  assert.deepEqual(
    read(effectiveConfig(read(UPSTREAM.replace(/ +auth: .*/, '')))).settings.converter.rules,
    read(UPSTREAM).settings.converter.rules,
    'what is shown can be read',
  );
});

test('aliases and merged maps of YAML are followed, and cannot make a small file large', () => {
  const { settings } = read('a: &a { port: 1 }\nserver: { <<: *a, name: x }');
  assert.deepEqual([settings.server.port, settings.server.name], [1, 'x']);
  const levels = Array.from({ length: 9 }, (_, i) => `k${i + 1}: &k${i + 1} [${`*k${i}, `.repeat(10)}]`);
  assert.throws(() => read(`k0: &k0 [x]\n${levels.join('\n')}`), /more than 100000 values/);
});
