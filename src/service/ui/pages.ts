/** Pages about the service: the list of tasks, the queue, the login, and what goes wrong. */
import type { ProcessState } from '../jobs/pool.js';
import { TASK_STATES, type Task } from '../queue/task.js';
import type { QueueState } from '../http/task-verbs.js';
import { durationText, sizeText, timeOf } from './format.js';
import { html, type Html } from './html.js';
import { action, page } from './layout.js';
import type { Viewer } from './viewer.js';

export interface TaskFilterText {
  readonly state: string;
  readonly search: string;
  readonly cursor: string;
}

export function tasksPage(
  viewer: Viewer,
  filter: TaskFilterText,
  { tasks, next }: { readonly tasks: readonly Task[]; readonly next: string | undefined },
): string {
  const { state, search, cursor } = filter;
  const option = (value: string, text: string): Html =>
    html`<option value="${value}" ${value === state ? html`selected` : undefined}>${text}</option>`;
  const query = (more: Readonly<Record<string, string>>): string => {
    const words = Object.entries({ state, search, ...more }).filter(([, value]) => value !== '');
    return words.length === 0 ? '/ui' : `/ui?${new URLSearchParams(words).toString()}`;
  };
  const none = state === '' && search === '' ? 'There are no tasks yet.' : 'No task is like that.';
  return page({
    title: 'Tasks',
    current: 'tasks',
    viewer,
    isLive: true,
    content: html`<h1>Tasks</h1>
      <form class="filter" method="get" action="/ui">
        <div>
          <label for="state">State</label>
          <select id="state" name="state">
            ${option('', 'all')} ${TASK_STATES.map((one) => option(one, one))}
          </select>
        </div>
        <div class="wide">
          <label for="search">Image contains</label>
          <input id="search" name="search" type="search" maxlength="1024" value="${search}" />
        </div>
        <button id="filter" class="main">Filter</button>
      </form>
      <section id="tasks" data-live aria-label="Tasks">
        ${
          tasks.length === 0
            ? html`<p class="card">${none}</p>`
            : html`<ul class="plain">
                ${tasks.map(taskItem)}
              </ul>`
        }
        <nav class="pages" aria-label="Pages of tasks">
          ${cursor === '' ? undefined : html`<a id="newest" href="${query({})}">Newest</a>`}
          ${next === undefined ? undefined : html`<a id="older" href="${query({ cursor: next })}">Older</a>`}
        </nav>
      </section>`,
  });
}

function taskItem(task: Task): Html {
  const { id, source, target, state, created, started, finished, reason, progress, error } = task;
  const took =
    started !== undefined && finished !== undefined
      ? html` · took ${durationText(finished - started)}`
      : undefined;
  const layers =
    state === 'active' && progress !== undefined
      ? html` · ${progress.done} of ${progress.layers} layers`
      : undefined;
  const why = reason === '' ? error?.message : reason;
  return html`<li class="card">
    <div class="row">
      <a class="grow mono" id="task-${id}" href="/ui/tasks/${id}">${source}</a>
      ${pill(state)}
    </div>
    ${target === '' ? undefined : html`<p class="soft mono">${target}</p>`}
    <p class="soft">${timeOf(created)}${took}${layers}</p>
    ${why === undefined ? undefined : html`<p>${why}</p>`}
  </li>`;
}

export function pill(state: string): Html {
  return html`<span class="pill ${state}">${state}</span>`;
}

export function queuePage(viewer: Viewer, queue: QueueState, processes: readonly ProcessState[]): string {
  const { states, oldestMs, paused, busy, workers } = queue;
  const number = (name: string, value: string | number): Html =>
    html`<div>
      <dt>${name}</dt>
      <dd>${value}</dd>
    </div>`;
  const switching = paused
    ? action(viewer, { id: 'resume', href: '/ui/queue/resume', text: 'Resume', isMain: true })
    : action(viewer, { id: 'pause', href: '/ui/queue/pause', text: 'Pause' });
  const collecting = action(viewer, { id: 'gc', href: '/ui/queue/gc', text: 'Remove garbage' });
  return page({
    title: 'Queue',
    current: 'queue',
    viewer,
    isLive: true,
    content: html`<section id="queue" data-live aria-label="Queue and workers">
      <h1>Queue ${paused ? html`<span class="pill paused">paused</span>` : undefined}</h1>
      <dl class="numbers card">
        ${[
          ...TASK_STATES.map((state) => number(state, states[state])),
          number('oldest that waits', durationText(oldestMs)),
        ]}
      </dl>
      <div class="row">${switching} ${collecting}</div>
      <h2>Workers: ${busy} of ${workers} busy</h2>
      <ul class="plain">
        ${processes.map(
          ({ pid, isAlive, isBusy, jobs, residentBytes }) =>
            html`<li class="card row">
              <span class="grow">process ${pid ?? 'that is starting'}</span>
              <span class="pill ${isBusy ? 'active' : ''}"
                >${!isAlive ? 'ended' : isBusy ? 'busy' : 'free'}</span
              >
              <span class="soft"
                >${jobs} jobs${residentBytes === 0 ? '' : `, ${sizeText(residentBytes)}`}</span
              >
            </li>`,
        )}
      </ul>
    </section>`,
  });
}

export function loginPage(to: string, fault?: string): string {
  return page({
    title: 'Log in',
    viewer: undefined,
    content: html`<h1>Log in</h1>
      ${fault === undefined ? undefined : html`<p class="card bad" role="alert">${fault}</p>`}
      <form method="post" action="/ui/login" class="filter">
        <input type="text" name="username" value="api token" autocomplete="username" hidden />
        <div class="wide">
          <label for="token">A token of <code>api.tokens</code></label>
          <input id="token" name="token" type="password" autocomplete="current-password" required />
        </div>
        <input type="hidden" name="to" value="${to}" />
        <button id="enter" class="main">Log in</button>
      </form>`,
  });
}

export function faultPage(viewer: Viewer | undefined, message: string): string {
  return page({
    title: 'Not done',
    viewer,
    content: html`<h1>That was not done</h1>
      <p class="card bad">${message}</p>
      <p><a href="/ui">To the tasks</a></p>`,
  });
}
