/** Pages in a real browser, which loads nothing but them: judged by axe, and measured. */
import { mkdtemp } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { chromium, type Page } from 'playwright-core';
import { findCommand, isRoot } from './needs.js';
import { removeFolder } from './temp-folder.js';

const AXE = createRequire(import.meta.url).resolve('axe-core/axe.min.js');

/** A telephone, and a screen. */
export const WIDTHS = [390, 1280] as const;
export const SCHEMES = ['light', 'dark'] as const;

export interface ShownPage {
  readonly page: Page;
  /** Addresses that the page asked for and did not get, since they are elsewhere. */
  readonly asked: readonly string[];
}

export interface Browser {
  /** Opens an address that begins with one of the roots of the browser. */
  open(url: string, width: number, scheme: 'light' | 'dark'): Promise<ShownPage>;
}

/** Starts Debian's chromium, which the caller has asked for with `needs`. Only addresses below `roots` are loaded. */
export async function openBrowser(t: TestContext, ...roots: readonly string[]): Promise<Browser> {
  const home = await mkdtemp(join(tmpdir(), 'nydusify-test-'));
  const browser = await chromium.launch({
    executablePath: findCommand('chromium') ?? 'chromium',
    args: isRoot ? ['--no-sandbox'] : [],
    env: { HOME: home, PATH: process.env['PATH'] ?? '' },
  });
  t.after(async () => {
    await browser.close();
    await removeFolder(home);
  });
  return {
    open: async (url, width, scheme) => {
      const page = await browser.newPage({
        viewport: { width, height: 844 },
        colorScheme: scheme,
        bypassCSP: true, // for axe; a test of the page's own policy reads its text
      });
      const asked: string[] = [];
      await page.route('**', async (route) => {
        const address = route.request().url();
        if (roots.some((root) => address.startsWith(root))) await route.continue();
        else {
          asked.push(address);
          await route.abort();
        }
      });
      await page.goto(url);
      return { page, asked };
    },
  };
}

interface Violation {
  readonly id: string;
  readonly help: string;
  readonly nodes: readonly { readonly html: string; readonly failureSummary?: string }[];
}

/** One sentence for each violation that axe finds. */
export async function axeViolations(page: Page): Promise<readonly string[]> {
  await page.addScriptTag({ path: AXE });
  const { violations } = await page.evaluate<{ readonly violations: readonly Violation[] }>(
    'axe.run(document)',
  );
  return violations.map(
    ({ id, help, nodes }) =>
      `${id}: ${help}: ${nodes
        .slice(0, 3)
        .map(({ html, failureSummary = '' }) => `${html.slice(0, 160)} (${failureSummary})`)
        .join('; ')}`,
  );
}

/** What stands out of the page at its sides, so that a person must scroll to read it, and how far. */
export async function overflowing(page: Page): Promise<readonly string[]> {
  return page.evaluate<readonly string[]>(`(() => {
    const width = document.documentElement.clientWidth;
    const scrolls = (element) =>
      element !== null && (/auto|scroll/.test(getComputedStyle(element).overflowX) || scrolls(element.parentElement));
    const wide = [...document.querySelectorAll('body *')].filter((element) => {
      const { left, right, width: own } = element.getBoundingClientRect();
      return own > 0 && (right > width + 1 || left < -1) && !scrolls(element.parentElement);
    });
    const page = document.documentElement.scrollWidth > width ? ['the page: ' + document.documentElement.scrollWidth] : [];
    return [...page, ...wide.map((element) => element.tagName + '.' + element.className + ': ' + element.textContent.trim().slice(0, 60))];
  })()`);
}
