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

export interface PageOptions {
  readonly width: number;
  readonly scheme: 'light' | 'dark';
  readonly javaScript?: boolean;
  /** False: the page's own policy holds, and axe cannot be loaded. */
  readonly bypassCSP?: boolean;
}

export interface EmptyPage extends ShownPage {
  /** What the page has written to the console, and errors that it has not caught. */
  readonly messages: readonly string[];
}

export interface Browser {
  /** A page without an address yet, with cookies of its own. */
  page(options: PageOptions): Promise<EmptyPage>;
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
  const empty = async ({
    width,
    scheme,
    javaScript = true,
    bypassCSP = true, // for axe; a test of the page's own policy reads its text
  }: PageOptions): Promise<EmptyPage> => {
    const page = await browser.newPage({
      viewport: { width, height: 844 },
      colorScheme: scheme,
      javaScriptEnabled: javaScript,
      bypassCSP,
    });
    const asked: string[] = [];
    const messages: string[] = [];
    page.on('console', (message) => messages.push(message.text()));
    page.on('pageerror', (error) => messages.push(error.message));
    await page.route('**', async (route) => {
      const address = route.request().url();
      if (roots.some((root) => address.startsWith(root))) await route.continue();
      else {
        asked.push(address);
        await route.abort();
      }
    });
    return { page, asked, messages };
  };
  return {
    page: empty,
    open: async (url, width, scheme) => {
      const shown = await empty({ width, scheme });
      await shown.page.goto(url);
      return shown;
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
