/** The page of the service in a browser: every button, live updates, its policy, and how it looks from a telephone to a wide screen. */
import assert from 'node:assert/strict';
import type { AddressInfo } from 'node:net';
import { type TestContext, test } from 'node:test';
import type { Page } from 'playwright-core';
import { axeViolations, openBrowser, overflowing, SCHEMES } from '../support/browser.js';
import { needs } from '../support/needs.js';
import { API_CONFIG, type ApiBench, apiBench, TOKENS } from '../support/service/api-server.js';
import { addShownTasks, HOSTILE, newTask, type ShownTasks } from '../support/service/shown-tasks.js';

const WIDTHS = [375, 768, 1440] as const;

interface Site extends ApiBench {
  readonly root: string;
  readonly tasks: ShownTasks;
  readonly stopped: string[];
}

async function site(t: TestContext): Promise<Site> {
  const stopped: string[] = [];
  const bench = await apiBench(t, {
    config: API_CONFIG.replace(
      '- { name: suffix,',
      '- { name: suffix, driver: { config: { with_referrer: "true" } },',
    ),
    jobs: { cancel: (id) => stopped.push(id) > 0 },
  });
  await bench.server.listen({ host: '127.0.0.1', port: 0 });
  const { port } = bench.server.server.address() as AddressInfo; // it listens on TCP
  return { ...bench, root: `http://127.0.0.1:${port}`, tasks: await addShownTasks(bench.queue), stopped };
}

async function logIn(page: Page, root: string, token: string): Promise<void> {
  await page.goto(`${root}/ui`);
  assert.match(page.url(), /\/ui\/login\?to=/, 'the page needs a login');
  await page.fill('#token', token);
  await page.click('#enter');
  await page.waitForURL(`${root}/ui`);
}

const texts = (page: Page, selector: string): Promise<readonly string[]> =>
  page.locator(selector).allTextContents();

test('every button does what it says, changes appear by themselves, and the console stays empty', async (t) => {
  if (!needs(t, 'chromium')) return;
  const { root, queue, tasks, stopped } = await site(t);
  const browser = await openBrowser(t, root);
  const { page, asked, messages } = await browser.page({ width: 1280, scheme: 'light', bypassCSP: false });
  await logIn(page, root, TOKENS.write);
  assert.equal((await texts(page, '#tasks li')).length, 7);
  await page.waitForSelector('#live:text-is("Live")');

  await queue.add([newTask('appears/by-itself:1')]);
  await page.waitForSelector('text=r.example/appears/by-itself:1');

  await page.selectOption('#state', 'failed');
  await page.click('#filter');
  assert.deepEqual(await texts(page, '#tasks li a'), ['r.example/team/shop/api:1.4.2']);
  await page.selectOption('#state', '');
  await page.fill('#search', 'trainer');
  await page.click('#filter');
  assert.deepEqual(await texts(page, '#tasks li a'), ['r.example/team/data/trainer:nightly']);

  await page.click(`#task-${tasks.active}`);
  assert.match((await texts(page, '#layers li')).join(), /layer 2, 1\.0 MB, not done yet/);
  await page.waitForSelector('#live:text-is("Live")');
  await queue.progress(tasks.active, {
    layers: 1,
    done: 0,
    bytes: 250,
    total: 1000,
    each: [{ platform: 'linux/amd64', size: 1000, bytes: 250, outcome: '' }],
  });
  await page.waitForSelector('rect.read[width="25.00%"]', { state: 'attached' });
  await page.click('#cancel');
  await page.waitForURL(`${root}/ui/tasks/${tasks.active}`);
  assert.deepEqual(stopped, [tasks.active]);
  await queue.settle(tasks.active, { kind: 'cancelled', reason: 'cancelled' });
  await page.waitForSelector('.pill.cancelled');

  await page.goto(`${root}/ui/tasks/${tasks.waiting}`);
  await page.click('#cancel');
  await page.waitForSelector('.pill.cancelled');
  await page.click('#retry');
  await page.waitForSelector('.pill.waiting');
  assert.notEqual(page.url(), `${root}/ui/tasks/${tasks.waiting}`, 'a retry is a new task');

  await page.goto(`${root}/ui/tasks/${tasks.failed}`);
  assert.match((await texts(page, '#hint')).join(), /the robot account needs the right to push/);
  await page.goto(`${root}/ui/tasks/${tasks.good}`);
  assert.match(
    (await texts(page, '#log')).join(),
    /^\d\d:\d\d:\d\d r\.example[^\n]+\n\d\d:\d\d:\d\d converting linux[^\n]+, 4 layers\n$/,
  );
  const deploy = (await texts(page, '#deploy')).join();
  assert.ok(deploy.includes(`image: r.example/team/shop/web:2026.11-nydus@sha256:${'c'.repeat(64)}`), deploy);
  assert.match(
    deploy.replaceAll(/\s+/g, ' '),
    /project team, repository shop\/web, below the artifact 2026\.11 as its Nydus accessory/,
  );

  await page.click('text=Queue');
  await page.click('#pause');
  await page.waitForSelector('.pill.paused');
  assert.equal(await queue.take(), undefined);
  await page.click('#resume');
  await page.waitForSelector('#pause');
  await page.click('#gc');
  await page.waitForURL(`${root}/ui/queue`);
  await page.click('#logout');
  await page.waitForURL(/\/ui\/login/);
  await page.goto(`${root}/ui/queue`);
  assert.match(page.url(), /\/ui\/login/, 'the session has ended');
  assert.deepEqual([messages, asked], [[], []]);
});

test('the pages have no fault that axe finds, and fit a telephone and a wide screen, in both colour schemes', async (t) => {
  if (!needs(t, 'chromium')) return;
  const { root, tasks } = await site(t);
  const browser = await openBrowser(t, root);
  for (const scheme of SCHEMES) {
    const { page, asked, messages } = await browser.page({ width: 1280, scheme });
    await page.goto(`${root}/ui/login`);
    const judge = async (path: string): Promise<void> => {
      for (const width of WIDTHS) {
        await page.setViewportSize({ width, height: 844 });
        assert.deepEqual(await overflowing(page), [], `${path} at ${width}, ${scheme}`);
      }
      assert.deepEqual(await axeViolations(page), [], `${path}, ${scheme}`);
    };
    await judge('/ui/login');
    await logIn(page, root, TOKENS.write);
    for (const path of [
      '/ui',
      `/ui/tasks/${tasks.good}`,
      `/ui/tasks/${tasks.failed}`,
      `/ui/tasks/${tasks.active}`,
      '/ui/queue',
    ]) {
      await page.goto(`${root}${path}`);
      await judge(path);
    }
    assert.deepEqual([messages, asked], [[], []]);
    await page.goto(`${root}/ui/tasks/none`);
    await judge('a task that is not there');
    await page.close();
  }
});

test('without JavaScript everything can be read and done, and hostile text is text', async (t) => {
  if (!needs(t, 'chromium')) return;
  const { root, tasks, queue } = await site(t);
  const browser = await openBrowser(t, root);
  const { page, messages, asked } = await browser.page({
    width: 375,
    scheme: 'light',
    javaScript: false,
    bypassCSP: false,
  });
  await logIn(page, root, TOKENS.write);
  await page.click(`#task-${tasks.failed}`);
  const shown = HOSTILE.replace('\u202e', '\\u{202e}');
  assert.ok((await texts(page, '#log')).join().includes(shown));
  assert.ok((await texts(page, '.card.bad')).join().includes(shown));
  assert.equal(await page.locator('img, body script').count(), 0);
  await page.click('#retry');
  assert.equal((await queue.list({ limit: 1 })).tasks[0]?.source, 'r.example/team/shop/api:1.4.2');
  await page.goto(`${root}/ui?search=${encodeURIComponent(HOSTILE)}`);
  assert.equal(await page.inputValue('#search'), shown);
  assert.equal(await page.locator('img, body script').count(), 0);
  assert.deepEqual([messages, asked], [[], []]);
});

test('the keyboard alone reaches the filter, a task and its buttons, and focus stays when the page changes by itself', async (t) => {
  if (!needs(t, 'chromium')) return;
  const { root, tasks, queue } = await site(t);
  const browser = await openBrowser(t, root);
  const { page } = await browser.page({ width: 1280, scheme: 'light', bypassCSP: false });
  await logIn(page, root, TOKENS.write);
  const reached: string[] = [];
  for (let i = 0; i < 30; i++) {
    await page.keyboard.press('Tab');
    reached.push(await page.evaluate<string>('document.activeElement.id'));
  }
  for (const id of ['logout', 'state', 'search', 'filter', `task-${tasks.failed}`])
    assert.ok(reached.includes(id), id);
  await page.waitForSelector('#live:text-is("Live")');
  await page.focus(`#task-${tasks.failed}`);
  await queue.add([newTask('arrives/meanwhile:1')]);
  await page.waitForSelector('text=r.example/arrives/meanwhile:1');
  assert.equal(await page.evaluate('document.activeElement.id'), `task-${tasks.failed}`);
  await page.keyboard.press('Enter');
  await page.waitForURL(`${root}/ui/tasks/${tasks.failed}`);
});
