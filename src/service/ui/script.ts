/**
 * The program of the page, in the browser. The page is whole without it; it only asks for the page again when a task has changed, and
 * puts the parts marked `data-live` in place of the old ones. So the server remains the one place that makes markup.
 */
export const SCRIPT = `'use strict';
(() => {
  const note = document.getElementById('live');
  const task = document.body.dataset.task;
  let source;
  let timer;
  let isBusy = false;
  let isDue = false;

  function replace(old, fresh) {
    const focused = old.contains(document.activeElement) ? document.activeElement.id : '';
    const places = [...old.querySelectorAll('[data-scroll]')].map((one) => ({
      id: one.id,
      top: one.scrollTop,
      isAtEnd: one.scrollTop + one.clientHeight >= one.scrollHeight - 4,
    }));
    old.replaceWith(fresh);
    for (const { id, top, isAtEnd } of places) {
      const one = document.getElementById(id);
      if (one !== null) one.scrollTop = isAtEnd ? one.scrollHeight : top;
    }
    if (focused !== '') document.getElementById(focused)?.focus();
  }

  async function refresh() {
    if (isBusy) {
      isDue = true;
      return;
    }
    isBusy = true;
    try {
      const answer = await fetch(location.href, { redirect: 'manual' });
      if (answer.type === 'opaqueredirect') location.reload();
      if (!answer.ok) return;
      const page = new DOMParser().parseFromString(await answer.text(), 'text/html');
      for (const old of document.querySelectorAll('[data-live]')) {
        const fresh = page.getElementById(old.id);
        if (fresh !== null && fresh.outerHTML !== old.outerHTML) replace(old, fresh);
      }
    } catch {
      // The next event tries again.
    } finally {
      isBusy = false;
      if (isDue) {
        isDue = false;
        later();
      }
    }
  }

  function later() {
    timer ??= setTimeout(() => {
      timer = undefined;
      void refresh();
    }, 400);
  }

  function say(text) {
    if (note !== null && note.textContent !== text) note.textContent = text;
  }

  function listen() {
    if (source !== undefined) return;
    source = new EventSource('/ui/events' + (task === undefined ? '' : '?task=' + encodeURIComponent(task)));
    source.addEventListener('open', () => {
      say('Live');
      later();
    });
    source.addEventListener('task', later);
    source.addEventListener('reset', later);
    source.addEventListener('error', () => say('Not connected: reload the page to see what is new'));
  }

  // A browser allows few connections to one server, which pages that nobody sees must not use up.
  document.addEventListener('visibilitychange', () => {
    if (document.hidden) {
      source?.close();
      source = undefined;
    } else listen();
  });
  if (!document.hidden) listen();
})();
`;
