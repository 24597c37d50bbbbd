/**
 * `npm run pictures`: draws the pictures of docs/images that show a check, from real results, and the page of the service, in Debian's
 * chromium. Run it when a page or the terminal looks different.
 */
import { join } from 'node:path';
import { Chalk } from 'chalk';
import { chromium } from 'playwright-core';
import { checkImage } from '../../src/check/check.js';
import type { CheckResult } from '../../src/check/result.js';
import { CHECK_FLAGS } from '../../src/cli/flags/check.js';
import { htmlReport } from '../../src/cli/report/html.js';
import { terminalLines } from '../../src/cli/text/check.js';
import { terminalLine } from '../../src/cli/text/paint.js';
import { withHints } from '../../src/cli/text/remedies.js';
import { findCommand, isRoot } from '../../test/support/needs.js';
import { projectRoot } from '../../test/support/project.js';
import { badImage, goodImage, type Pair } from './images.js';
import { drawService } from './service.js';
import { terminalPage } from './terminal-page.js';

const COLUMNS = 108;
const STARTED = new Date('2026-11-30T08:00:00Z');

interface Picture {
  readonly name: string;
  readonly page: string;
  readonly width: number;
  readonly scheme: 'light' | 'dark';
  /** Rows of the page; all of it by default. */
  readonly height?: number;
}

async function checked({ target, source }: Pair, isPage: boolean): Promise<CheckResult> {
  const result = await checkImage({ target, source }, { clients: isPage, details: isPage });
  return { ...result, findings: withHints(result.findings, { name: 'check', flags: CHECK_FLAGS }) };
}

async function picturesOf(kind: string, pair: Pair, scheme: 'light' | 'dark'): Promise<readonly Picture[]> {
  const result = await checked(pair, true);
  const command = `nydusify check ${result.target} ${result.source ?? ''}`;
  const commandLine = command.replace('check', 'check --report html=check.html');
  const run = { milliseconds: 840, failOn: 'error', started: STARTED, commandLine } as const;
  const lines = terminalLines(await checked(pair, false), new Chalk({ level: 1 }), COLUMNS).map(terminalLine);
  return [
    { name: `check-${kind}`, page: htmlReport(result, run), width: 1040, height: 1300, scheme },
    { name: `check-terminal-${kind}`, page: terminalPage(command, lines), width: 1040, scheme: 'dark' },
  ];
}

const pictures = [
  ...(await picturesOf('good', await goodImage(), 'light')),
  ...(await picturesOf('bad', await badImage(), 'dark')),
];
const browser = await chromium.launch({
  executablePath: findCommand('chromium') ?? 'chromium',
  args: ['--disable-lcd-text', ...(isRoot ? ['--no-sandbox'] : [])],
});
for (const { name, page: html, width, height, scheme } of pictures) {
  const page = await browser.newPage({ viewport: { width, height: height ?? 100 }, colorScheme: scheme });
  await page.setContent(html);
  const path = join(projectRoot, 'docs', 'images', `${name}.png`);
  await page.screenshot({ path, fullPage: height === undefined });
  console.log(path);
}
await drawService(browser, join(projectRoot, 'docs', 'images'));
await browser.close();
