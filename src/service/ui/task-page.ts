/** The page of one task: its layers as bars, what went wrong, what to deploy, and its log. */
import { parseReference } from '../../oci/reference.js';
import { canRetry, hasEnded } from '../http/task-verbs.js';
import type { LogLine } from '../queue/queue.js';
import type { LayerProgress, Task } from '../queue/task.js';
import { durationText, sizeText, timeOf } from './format.js';
import { type Content, html, Html } from './html.js';
import { action, page } from './layout.js';
import { pill } from './pages.js';
import type { Viewer } from './viewer.js';

export interface ShownTask {
  readonly task: Task;
  readonly lines: readonly LogLine[];
  /** Whether the rule of the task names the original as the subject of its result. */
  readonly isReferrer: boolean;
}

export function taskPage(viewer: Viewer, { task, lines, isReferrer }: ShownTask): string {
  const { id, source, state } = task;
  const retry = canRetry(task)
    ? action(viewer, { id: 'retry', href: `/ui/tasks/${id}/retry`, text: 'Retry', isMain: true })
    : undefined;
  const cancel = hasEnded(task)
    ? undefined
    : action(viewer, { id: 'cancel', href: `/ui/tasks/${id}/cancel`, text: 'Cancel' });
  return page({
    title: source,
    current: 'tasks',
    viewer,
    isLive: true,
    task: id,
    content: html`<section id="task" data-live aria-label="Task">
        <div class="row head">
          <h1 class="grow mono">${source}</h1>
          ${pill(state)} ${retry} ${cancel}
        </div>
        ${failure(task)} ${facts(task)} ${deployment(task, isReferrer)} ${layers(task)}
      </section>
      <section id="log-part" data-live aria-labelledby="log-title">
        <h2 id="log-title">Log</h2>
        ${
          lines.length === 0
            ? html`<p class="card">It has no lines.</p>`
            : html`<pre class="log" id="log" data-scroll tabindex="0">${lines.map(logLine)}</pre>`
        }
      </section>`,
  });
}

/** The end of a line is markup here: in a text it would be shown by its number. */
const LINE_END = new Html('\n');

function logLine({ time, text }: LogLine): Html {
  return html`${new Date(time).toISOString().slice(11, 19)} ${text}${LINE_END}`;
}

function failure({ state, error, reason }: Task): Html | undefined {
  if (error !== undefined)
    return html`<div class="card bad">
      <p><strong>${error.code}</strong>: ${error.message}</p>
      ${error.hint === undefined ? undefined : html`<p id="hint"><strong>Hint:</strong> ${error.hint}</p>`}
    </div>`;
  return reason === '' || state === 'failed' ? undefined : html`<p class="card">${reason}</p>`;
}

function facts(task: Task): Html {
  const { target, rule, origin, priority, created, started, finished, attempts, nextAttempt } = task;
  const { sourceDigest, targetDigest, sourceSize, targetSize } = task;
  const fact = (name: string, value: Content, isThere = true): Html | undefined =>
    isThere
      ? html`<dt>${name}</dt>
          <dd>${value}</dd>`
      : undefined;
  const took =
    started !== undefined && finished !== undefined
      ? html` (${durationText(finished - started)})`
      : undefined;
  return html`<dl class="facts card">
    ${fact('Target', html`<code>${target}</code>`, target !== '')} ${fact('Rule', rule, rule !== '')}
    ${fact('Asked for by', ORIGINS[origin])} ${fact('Priority', priority)} ${fact('Created', timeOf(created))}
    ${fact('Attempts', attempts)} ${fact('Begun', timeOf(started ?? 0), started !== undefined)}
    ${fact('Ended', html`${timeOf(finished ?? 0)}${took}`, finished !== undefined)}
    ${fact('Next attempt', timeOf(nextAttempt ?? 0), nextAttempt !== undefined)}
    ${fact('Source', html`<code>${sourceDigest}</code>`, sourceDigest !== undefined)}
    ${fact('Result', html`<code>${targetDigest}</code>`, targetDigest !== undefined)}
    ${fact(
      'Sizes',
      `${sizeText(sourceSize ?? 0)} became ${sizeText(targetSize ?? 0)}`,
      sourceSize !== undefined && targetSize !== undefined,
    )}
  </dl>`;
}

const ORIGINS: Readonly<Record<Task['origin'], string>> = {
  hand: 'a person',
  webhook: 'a registry',
  look: 'a look at the repository',
  sweep: 'a sweep',
};

/** What clients pull, and where a person finds it. */
function deployment(
  { kind, state, target, source, targetDigest }: Task,
  isReferrer: boolean,
): Html | undefined {
  if (kind !== 'convert' || state !== 'completed' || target === '') return undefined;
  const pinned = targetDigest === undefined ? target : `${target}@${targetDigest}`;
  const { repository, tag = '' } = parseReference(target);
  const slash = repository.indexOf('/');
  const place =
    slash < 0 ? undefined : { project: repository.slice(0, slash), name: repository.slice(slash + 1) };
  return html`<h2>What to deploy</h2>
    <div class="card" id="deploy">
      <pre>image: ${pinned}</pre>
      <p class="soft">On nodes whose containerd has the Nydus snapshotter.</p>
      ${
        place === undefined
          ? undefined
          : html`<p id="harbor">
              In Harbor: project <strong>${place.project}</strong>, repository <strong>${place.name}</strong>,
              ${
                isReferrer
                  ? html`below the artifact <strong>${parseReference(source).tag ?? ''}</strong> as its Nydus
                      accessory, and as the tag <strong>${tag}</strong>`
                  : html`the artifact with the tag <strong>${tag}</strong>`
              }.
            </p>`
      }
    </div>`;
}

function layers({ progress }: Task): Html | undefined {
  const each = progress?.each ?? [];
  if (progress === undefined || each.length === 0) return undefined;
  const largest = Math.max(1, ...each.map(({ size }) => size));
  const platforms = new Set(each.map(({ platform }) => platform)).size;
  return html`<h2>Layers: ${progress.done} of ${progress.layers} done</h2>
    <ul class="plain card bars" id="layers">
      ${each.map((layer, index) => layerItem(layer, index, largest, platforms > 1))}
    </ul>`;
}

const OUTCOMES: Readonly<Record<LayerProgress['outcome'], string>> = {
  '': 'not done yet',
  pushed: 'pushed',
  present: 'was there already',
  mounted: 'taken from another repository',
};

function layerItem(
  { platform, size, bytes, outcome }: LayerProgress,
  index: number,
  largest: number,
  isNamed: boolean,
): Html {
  // A bar is as long as its layer is large beside the largest one; a layer that is done has been read as a whole.
  const part = (value: number): string => `${((100 * Math.min(value, largest)) / largest).toFixed(2)}%`;
  const read = outcome === '' ? Math.min(bytes, size) : size;
  return html`<li>
    <span class="soft"
      >${isNamed ? `${platform}: ` : ''}layer ${index + 1}, ${sizeText(size)}, ${OUTCOMES[outcome]}</span
    >
    <svg class="bar" aria-hidden="true" focusable="false">
      <rect class="size" width="${part(size)}" height="10" rx="3" />
      <rect class="read" width="${part(read)}" height="10" rx="3" />
    </svg>
  </li>`;
}
