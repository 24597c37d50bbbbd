/** The findings of the page: a card for each id, an anchor for each finding, and one item for what several platforms share. */
import type { CheckResult } from '../../check/result.js';
import { plural } from '../text/units.js';
import { html, type Html } from './html-escape.js';
import { groupFindings, overPlatforms, placeText, type FindingGroup, type SharedFinding } from './model.js';

/** Findings of one id that are listed; the rest is counted, and in the JSON report. */
const SHOWN = 200;
const OPEN = 8;

export function findings(result: CheckResult): Html {
  const groups = groupFindings(result.findings);
  const none = html`<div class="card">
    <p>Nothing is wrong with ${plural(result.platforms.length, 'platform')}.</p>
  </div>`;
  return html`<section>
    <h2>Findings</h2>
    ${groups.length === 0 ? none : groups.map(findingGroup)}
  </section>`;
}

function findingGroup({ id, severity, meaning, findings: list }: FindingGroup): Html {
  const shared = overPlatforms(list);
  const items = shared.slice(0, SHOWN).map((found, i) => findingItem(found, `${id}-${i + 1}`));
  const first = items.slice(0, OPEN);
  const rest = items.slice(OPEN);
  const hidden = shared.length - items.length;
  const hints = [...new Set(list.flatMap(({ hint }) => hint ?? []))];
  const more = html`<details>
    <summary>
      ${rest.length} more${hidden > 0 ? `, and ${hidden} that are only in the JSON report` : ''}
    </summary>
    <ul>
      ${rest}
    </ul>
  </details>`;
  return html`<article class="card finding ${severity}" id="${id}">
    <header>
      <span class="pill ${severity}">${severity}</span>
      <h3 class="mono"><a href="#${id}">${id}</a></h3>
      ${list.length === 1 ? undefined : html`<span class="soft">× ${list.length}</span>`}
    </header>
    ${meaning === undefined ? undefined : html`<p class="soft">${meaning}</p>`}
    <ul>
      ${first}
    </ul>
    ${rest.length === 0 ? undefined : more}
    ${hints.slice(0, OPEN).map((hint) => html`<p class="hint"><b>Try:</b> ${hint}</p>`)}
  </article>`;
}

function findingItem({ found, platforms }: SharedFinding, anchor: string): Html {
  const platform = platforms.length === 0 ? undefined : platforms.join(', ');
  const place = placeText({ ...found, where: { ...found.where, platform } });
  const sums = [
    ['expected', found.expected],
    ['found', found.found],
  ].filter(([, value]) => value !== undefined);
  return html`<li id="${anchor}">
    <a href="#${anchor}"><code class="place">${place}</code></a> ${found.message}
    ${
      sums.length === 0
        ? undefined
        : html`<dl class="sums">
            ${sums.map(
              ([name, value]) =>
                html`<dt>${name}</dt>
                  <dd><code>${value}</code></dd>`,
            )}
          </dl>`
    }
  </li>`;
}
