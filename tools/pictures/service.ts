/** The page of the service: a good and a failed task, from a telephone to a wide screen, in both colour schemes. */
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import type { Browser } from 'playwright-core';
import { apiBench, TOKENS } from '../../test/support/service/api-server.js';
import { addShownTasks } from '../../test/support/service/shown-tasks.js';

const WIDTHS = [375, 768, 1440] as const;
const HEIGHT = 900;

export async function drawService(browser: Browser, folder: string): Promise<void> {
  const undo: (() => unknown)[] = [];
  try {
    const { server, queue } = await apiBench({ after: (one) => undo.push(one) });
    await server.listen({ host: '127.0.0.1', port: 0 });
    const { port } = server.server.address() as AddressInfo; // it listens on TCP
    const root = `http://127.0.0.1:${port}/ui`;
    const { good, failed } = await addShownTasks(queue, 'requested access to the resource is denied');
    for (const scheme of ['light', 'dark'] as const) {
      const page = await browser.newPage({ colorScheme: scheme, viewport: { width: 1440, height: HEIGHT } });
      await page.goto(root);
      await page.fill('#token', TOKENS.write);
      await page.click('#enter');
      for (const [name, id] of Object.entries({ good, failed })) {
        await page.goto(`${root}/tasks/${id}`);
        await page.waitForSelector('#live:text-is("Live")');
        for (const width of WIDTHS) {
          await page.setViewportSize({ width, height: HEIGHT });
          const path = join(folder, `service-${name}-${width}-${scheme}.png`);
          await page.screenshot({ path, fullPage: true });
          console.log(path);
        }
      }
      await page.close();
    }
  } finally {
    for (const one of undo.reverse()) await one();
  }
}
