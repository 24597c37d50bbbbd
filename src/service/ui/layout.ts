/** The frame of every page. */
import { html, type Html } from './html.js';
import type { Viewer } from './viewer.js';

export interface Frame {
  readonly title: string;
  readonly current?: 'tasks' | 'queue';
  readonly viewer: Viewer | undefined;
  readonly content: Html;
  /** Whether the page follows events. */
  readonly isLive?: boolean;
  /** The one task that it follows. */
  readonly task?: string;
}

export function page({ title, current, viewer, content, isLive = false, task }: Frame): string {
  const link = (name: 'tasks' | 'queue', href: string, text: string): Html =>
    html`<a href="${href}" ${name === current ? html`aria-current="page"` : undefined}>${text}</a>`;
  const body = html`<a class="skip" href="#content">Skip to the content</a>
    <header class="top">
      <div>
        <strong>nydusify</strong>
        <nav aria-label="Pages">
          ${viewer === undefined ? undefined : [link('tasks', '/ui', 'Tasks'), link('queue', '/ui/queue', 'Queue')]}
        </nav>
        ${isLive ? html`<span class="soft" id="live" role="status"></span>` : undefined} ${loginState(viewer)}
      </div>
    </header>
    <main id="content">${content}</main>`;
  return html`<!doctype html>
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <title>${title} – nydusify</title>
        <link rel="icon" href="/ui/icon.svg" type="image/svg+xml" />
        <link rel="stylesheet" href="/ui/style.css" />
        ${isLive ? html`<script src="/ui/live.js" defer></script>` : undefined}
      </head>
      <body ${task === undefined ? undefined : html`data-task="${task}"`}>
        ${body}
      </body>
    </html> `.markup;
}

function loginState(viewer: Viewer | undefined): Html | undefined {
  if (viewer === undefined) return undefined;
  const { session, scope, canLogIn } = viewer;
  if (session !== undefined)
    return html`<form method="post" action="/ui/logout" class="row">
      <span class="soft">${scope === 'write' ? 'May change tasks' : 'May read'}</span>
      ${proof(viewer)}
      <button id="logout">Log out</button>
    </form>`;
  return canLogIn ? html`<a href="/ui/login" id="login">Log in</a>` : undefined;
}

function proof({ session }: Viewer): Html | undefined {
  return session === undefined
    ? undefined
    : html`<input type="hidden" name="csrf" value="${session.csrf}" />`;
}

/** A button that changes something; nothing for those who may not. */
export function action(
  viewer: Viewer,
  { id, href, text, isMain = false }: { id: string; href: string; text: string; isMain?: boolean },
): Html | undefined {
  if (viewer.session === undefined || viewer.scope !== 'write') return undefined;
  return html`<form method="post" action="${href}">
    ${proof(viewer)}
    <button id="${id}" class="${isMain ? 'main' : ''}">${text}</button>
  </form>`;
}
