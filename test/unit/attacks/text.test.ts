/**
 * Text that acts: on a terminal, on a CI server, in a report. One image holds all of it wherever an image may hold text, every command
 * is run over that image, and all that they printed and wrote is searched for each attack.
 */
import assert from 'node:assert/strict';
import { mkdir, mkdtemp, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { before, describe, test } from 'node:test';
import { tmpdir } from 'node:os';
import { MEDIA } from '../../../src/oci/media-types.js';
import { anonymous } from '../../../src/registry/auth/credentials.js';
import { openTarget } from '../../../src/registry/open.js';
import { nydusify } from '../../support/command.js';
import { buildImage, buildIndex, jsonPart, putImage } from '../../support/images/image-builder.js';
import { dir, file, hardlink, layer, symlink } from '../../support/images/tar.js';
import { removeFolder } from '../../support/temp-folder.js';

interface Attack {
  readonly attack: string;
  readonly text: string;
  /** Matches output in which the text acts. */
  readonly acts: RegExp;
  /** True when it acts in HTML alone. */
  readonly in?: 'html' | 'junit' | 'markdown';
}

const ATTACKS: readonly Attack[] = [
  {
    attack: 'a link (OSC 8) that shows another address than it leads to',
    text: '\x1b]8;;http://evil.example\x07docs\x1b]8;;\x07',
    acts: /\x1b\]8/,
  },
  { attack: 'text for the clipboard (OSC 52)', text: '\x1b]52;c;cm0gLXJmIC8=\x1b\\', acts: /\x1b\]52/ },
  {
    attack: 'a title for the window, which the terminal gives back as typed',
    text: '\x1b]0;id\x07\x1b[21t',
    acts: /\x1b\]0|\x1b\[21t/,
  },
  {
    attack: 'device control strings and pictures',
    text: '\x1bPq#0;2;0;0;0\x1b\\\x1b_Ga=T;AAAA\x1b\\',
    acts: /\x1b[P_]/,
  },
  {
    attack: 'control sequences of eight bits (C1)',
    text: '\u009b2J\u009d0;x\u009c\u0085',
    acts: /[\u0080-\u009f]/,
  },
  {
    attack: 'line breaks, and a carriage return that overwrites the line',
    text: 'bad\rgood\n\u2028\u2029\u000b\u000c',
    acts: /\r|[\u2028\u2029\u000b\u000c]|^good/m,
  },
  { attack: 'backspaces over what stands before', text: 'error\b\b\b\b\bfine \x7f', acts: /[\b\x7f]/ },
  {
    attack: 'text that runs from right to left',
    text: 'a\u202etxt.exe\u202c\u2066b\u2069\u061c',
    acts: /[\u202a-\u202e\u2066-\u2069\u061c]/,
  },
  {
    attack: 'characters without a width, and letters of the hidden alphabet of tags',
    text: 'a\u200b\u2060\ufeff\u{e0041}\u00adb\u3164',
    acts: /[\u2060\ufeff\u{e0041}\u00ad\u3164]/u,
  },
  { attack: 'commands of GitHub', text: '::error file=a::evil', acts: /^\s*::error/m },
  { attack: 'a command of GitHub that stops all others', text: '  ::stop-commands::x', acts: /^\s*::stop/m },
  { attack: 'commands of Azure', text: 'x ##vso[task.setvariable variable=a]evil', acts: /##vso\[/ },
  { attack: 'old commands of GitHub, anywhere in a line', text: 'y ##[add-path]/tmp', acts: /##\[/ },
  { attack: 'commands of TeamCity', text: "##teamcity[testFailed name='a']", acts: /##teamcity\[/ },
  { attack: 'sections of GitLab', text: 'section_start:1:x[collapsed=true]\r\x1b[0K', acts: /\r\x1b\[0K/ },
  { attack: 'groups of Buildkite', text: '--- :boom: deployed', acts: /^--- :boom/m },
  {
    attack: 'groups of Buildkite that are open, or open the one before',
    text: '+++ evil',
    acts: /^\+\+\+ evil/m,
  },
  { attack: 'folds of Travis', text: 'travis_fold:start:evil', acts: /travis_fold:/ },
  {
    attack: 'line breaks in the form of addresses, before a command',
    text: '%0A%0D::warning::evil',
    acts: /^\s*::warning/m,
  },
  { attack: 'a script in HTML', text: '<script>fetch(`//evil`)</script>', acts: /<script/i, in: 'html' },
  {
    attack: 'a picture in HTML that runs a script when it is not found',
    text: '<img src=x onerror=alert(1)>',
    acts: /<img/i,
    in: 'html',
  },
  {
    attack: 'an attribute that ends before its time',
    text: '" onmouseover="alert(1)" x="\' y=\'',
    acts: /" onmouseover="/,
    in: 'html',
  },
  {
    attack: 'a style or a comment that ends before its time',
    text: '</style><!-- --></title><svg onload=alert(1)>',
    acts: /<svg|<\/title><|<!-- -->/,
    in: 'html',
  },
  {
    attack: 'an entity and a document type in XML',
    text: '<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]>&e;',
    acts: /<!DOCTYPE x|[^;]&e;/,
    in: 'junit',
  },
  {
    attack: 'an end of CDATA and of the element in XML',
    text: ']]></failure></testcase><testcase name="ok"/>',
    acts: /<testcase name="ok"/,
    in: 'junit',
  },
  {
    attack: 'characters that XML cannot hold',
    text: 'a\u0000\u0001\uffff\ufffe\ud800b',
    acts: /[\u0000\u0001\uffff\ufffe]/,
    in: 'junit',
  },
  {
    attack: 'a link and a picture in Markdown',
    text: '![x](https://evil.example/?a) [y](javascript:alert(1))',
    acts: /(?<!\\)!\[x\]\(/,
    in: 'markdown',
  },
  {
    attack: 'code and cells of a table that end before their time',
    text: 'a`` ` | b \\| c | <b>',
    acts: /<b>(?!`)/,
    in: 'markdown',
  },
];

const MARK = 'evil-mark';
const ALL = ATTACKS.map(({ text }) => text).join(MARK);

/** What each run has printed, and each file that one has written, by name. */
const outputs = new Map<string, string>();

/** An image that holds the text in every place for text. */
async function hostileImage(folder: string, name: string, content: string): Promise<string> {
  const names = ATTACKS.map(({ text }) => text.replaceAll('\0', '').replaceAll('/', '⁄').slice(0, 80));
  const labels = Object.fromEntries(
    ATTACKS.flatMap(({ text }) => [
      [text, 'x'],
      ['label', ALL],
    ]),
  );
  const image = buildImage({
    layers: [
      layer(
        dir('d'),
        ...names.map((path) => file(path, content)),
        ...names.map((path) => file(`d/${path}`, 'inside')),
        symlink('link', ALL.replaceAll('\0', '').slice(0, 2000)),
        hardlink('hard', names[0] ?? ''),
        file('attributes', 'x', {
          xattrs: {
            [`user.${ALL.replaceAll('\0', '').replaceAll('=', '').slice(0, 150)}`]: ALL,
            [`odd.${MARK}\x1b]0;x\x07`]: ALL,
          },
          uname: ALL.slice(0, 20),
        }),
      ),
    ],
    config: {
      created: ALL,
      author: ALL,
      config: {
        Labels: labels,
        Env: ATTACKS.map(({ text }) => `A=${text}`),
        Cmd: [ALL],
        Entrypoint: ATTACKS.map(({ text }) => text),
      },
      history: [{ created_by: ALL, comment: ALL, author: ALL, created: ALL }],
    },
    manifest: { annotations: labels },
  });
  const artifact = buildImage({
    layers: [],
    manifest: { artifactType: ALL, config: { ...jsonPart(ALL, {}).descriptor }, annotations: labels },
  });
  const index = buildIndex(
    [
      {
        image,
        fields: {
          platform: { os: 'linux', architecture: 'amd64', 'os.version': ALL, 'os.features': [ALL] },
          annotations: labels,
        },
      },
      {
        image: { ...artifact, parts: [...artifact.parts, jsonPart(ALL, {})] },
        fields: {
          artifactType: ALL,
          annotations: labels,
          platform: { os: ALL, architecture: ALL, variant: ALL },
        },
      },
    ],
    { annotations: labels },
  );
  const location = `oci:${join(folder, name)}:1`;
  await using target = openTarget(location, { credentials: anonymous });
  await putImage(target, index);
  return location;
}

describe('whatever text an image holds', () => {
  let folder = '';
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'nydusify-test-'));
    const [one, two] = [await hostileImage(folder, 'one', 'a'), await hostileImage(folder, 'two', 'b')];
    const nydus = `oci:${join(folder, 'nydus')}:1`;
    const run = async (name: string, args: readonly string[]): Promise<void> => {
      const { stdout, stderr } = await nydusify([...args, '--debug'], { cwd: folder });
      assert.doesNotMatch(stderr, /this is a bug/, name);
      outputs.set(`${name} stdout`, stdout);
      outputs.set(`${name} stderr`, stderr);
    };
    await run('convert', [
      'convert',
      '--progress',
      'plain',
      '--merge-platform',
      '--platform',
      'linux/amd64',
      one,
      nydus,
    ]);
    const reports = ['json', 'html', 'markdown', 'junit'].flatMap((kind) => [
      '--report',
      kind,
      join(folder, 'reports', kind),
    ]);
    await Promise.all([
      run('convert json', [
        'convert',
        '--progress',
        'json',
        '--all-platforms',
        two,
        `oci:${join(folder, 'all')}:1`,
      ]),
      run('plan', ['plan', one, nydus]),
      run('plan json', ['plan', '--json', one, nydus]),
      // The source is another image, so that every file is a finding.
      run('check', ['check', '--clients', ...reports, '--source', two, '--target', nydus]),
      run('check json', ['check', '--json', '--source', two, '--target', nydus]),
    ]);
    for (const [at, image] of [
      ['oci', one],
      ['nydus', nydus],
    ] as const)
      await Promise.all([
        run(`inspect ${at}`, ['inspect', image]),
        run(`inspect json ${at}`, ['inspect', '--json', image]),
        run(`ls ${at}`, ['ls', '-R', image]),
        run(`ls long ${at}`, ['ls', '-l', image]),
        run(`ls json ${at}`, ['ls', '--json', '-R', image]),
        run(`tree ${at}`, ['tree', image]),
        run(`du ${at}`, ['du', image]),
        run(`stat ${at}`, ['stat', image, '/attributes', '/link']),
      ]);
    await Promise.all([
      run('diff', ['diff', one, two]),
      run('diff json', ['diff', '--json', one, two]),
      run('ls absent', ['ls', one, `/${ALL.replaceAll('\0', '')}`]),
      run('cat absent', ['cat', nydus, `/d/${ALL.replaceAll('\0', '')}`, '/none']),
      run('wrong reference', ['inspect', `oci:${join(folder, 'one')}:${ALL.replaceAll('\0', '')}`]),
      run('wrong platform', ['inspect', '--platform', ALL.replaceAll('\0', ''), one]),
    ]);
    for (const kind of await readdir(join(folder, 'reports')))
      outputs.set(`report ${kind}`, await readFile(join(folder, 'reports', kind), 'utf8'));
  });

  test('it is in the output, so that there is something to search', async () => {
    const marked = [...outputs].filter(([, text]) => text.includes(MARK)).map(([name]) => name);
    assert.ok(marked.length > 12, marked.join(', '));
    for (const kind of ['json', 'html', 'markdown', 'junit'])
      assert.ok((outputs.get(`report ${kind}`) ?? '').length > 1000, kind);
    await removeFolder(folder);
  });

  for (const { attack, acts, in: only } of ATTACKS) {
    test(`nothing acts: ${attack}`, () => {
      for (const [name, text] of outputs) {
        if (only !== undefined && name !== `report ${only}`) continue;
        // Mentions in the Markdown report are broken by a character that cannot be seen, and marks of its own choose how they look.
        const plain =
          name === 'report markdown' ? text.replaceAll('@\u200b', '@').replaceAll('\ufe0f', '') : text;
        // In code, Markdown has no markup.
        const ours = only === 'markdown' ? plain.replaceAll(/(?<!`)(`+)(?!`).*?(?<!`)\1(?!`)/g, '') : plain;
        const found = acts.exec(ours);
        assert.equal(
          found,
          null,
          `${name}: ${JSON.stringify(ours.slice((found?.index ?? 0) - 60, (found?.index ?? 0) + 60))}`,
        );
      }
    });
  }

  test('nothing acts: messages of megabytes, which would bury all others', async () => {
    const long = await mkdtemp(join(tmpdir(), 'nydusify-test-'));
    const type = `application/${'x'.repeat(2_000_000)}`;
    const image = buildImage({ layers: [layer(file('a', 'a'))], manifest: { mediaType: type } });
    const blobs = join(long, 'blobs', 'sha256');
    await mkdir(blobs, { recursive: true });
    for (const { descriptor, bytes } of image.parts)
      await writeFile(join(blobs, descriptor.digest.slice(7)), bytes);
    const { digest, size } = image.root.descriptor;
    const manifests = [
      {
        mediaType: MEDIA.ociManifest,
        digest,
        size,
        annotations: { 'org.opencontainers.image.ref.name': 'y'.repeat(1_000_000) },
      },
    ];
    await writeFile(join(long, 'index.json'), JSON.stringify({ schemaVersion: 2, manifests }));
    for (const args of [
      ['inspect', `oci:${long}`],
      ['ls', `oci:${long}:absent`],
      ['convert', `oci:${long}`, `oci:${join(long, 'to')}:1`],
      ['inspect', 'z'.repeat(100_000)],
    ]) {
      const { status, stderr } = await nydusify([...args, '--verbose']);
      assert.notEqual(status, 0);
      assert.ok(
        stderr.length > 30 && stderr.length < 12_000,
        `${args[0] ?? ''}: ${stderr.length} characters`,
      );
    }
    await removeFolder(long);
  });
});
