/** One page, in one file, that a person likes to read: verdict, findings, platforms, clients, layers, directories. */
import type { CheckedPlatform, CheckResult } from '../../check/result.js';
import type { ClientVerdict, PlatformClients } from '../../check/clients.js';
import type { Detection } from '../../check/detect.js';
import { VERSION } from '../../convert/version.js';
import { formatBytes, formatMs, plural } from '../text/units.js';
import { type Content, html, Html } from './html-escape.js';
import { findings } from './html-findings.js';
import { STYLE } from './html-style.js';
import {
  clientName,
  countsText,
  limitsText,
  manifestText,
  OUTCOMES,
  pickText,
  platformVerdict,
} from './model.js';
import type { FailedCheck, ReportRun } from './report-run.js';

export function htmlReport(result: CheckResult, run?: ReportRun): string {
  return page(
    `${result.verdict}: ${result.target}`,
    html`${hero(result, run)} ${findings(result)}
    ${section('Platforms', result.platforms.length === 0 ? undefined : html`<div class="grid">${result.platforms.map((image) => platform(image, result))}</div>`)}
    ${section('Clients', result.clients?.map(clientTable))}
    ${section('Layers', result.platforms.filter(({ layerSizes }) => layerSizes.length > 0).map(layers))}
    ${section('Size by directory', result.platforms.flatMap(directories))}`,
  );
}

/** A page of a check that came to no verdict. */
export function htmlOfFailure(failure: FailedCheck): string {
  const { target, error, hint } = failure;
  return page(
    `unknown: ${target}`,
    html`<header class="card hero bad">
      <div class="badge">? unknown</div>
      <div>
        <h1>${target}</h1>
        <p>${error.message}</p>
        ${hint === undefined ? undefined : html`<p class="hint"><b>Try:</b> ${hint}</p>`}
        <dl>
          <dt>code</dt>
          <dd><code>${error.code}</code></dd>
          ${runFacts(failure)}
        </dl>
      </div>
    </header>`,
  );
}

function page(title: string, body: Html): string {
  return html`<!doctype html>
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'" />
        <title>${title}</title>
        <style>
          ${STYLE_MARKUP}
        </style>
      </head>
      <body>
        <main>
          ${body}
          <footer>Written by nydusify-ts ${VERSION}. This page loads nothing and sends nothing.</footer>
        </main>
      </body>
    </html> `.markup;
}

const STYLE_MARKUP = new Html(STYLE);

function section(title: string, body: Content): Html | undefined {
  if (body === undefined || (Array.isArray(body) && body.length === 0)) return undefined;
  return html`<section>
    <h2>${title}</h2>
    ${body}
  </section>`;
}

function hero(result: CheckResult, run: ReportRun | undefined): Html {
  const limits = limitsText(result);
  const good = result.verdict === 'good';
  return html`<header class="card hero ${good ? 'good' : 'bad'}">
    <div class="badge">${good ? '✓ good' : '✗ bad'}</div>
    <div>
      <h1>${result.target}</h1>
      <p class="soft">${countsText(result.findings)}</p>
      <dl>
        <dt>digest</dt>
        <dd><code>${result.root.digest}</code></dd>
        ${
          result.source === undefined
            ? undefined
            : html`<dt>source</dt>
                <dd><code>${result.source}</code></dd>`
        }
        ${
          limits === undefined
            ? undefined
            : html`<dt>not looked at</dt>
                <dd>${limits}</dd>`
        }
        ${run === undefined ? undefined : runFacts(run)}
      </dl>
    </div>
  </header>`;
}

function runFacts({
  started,
  milliseconds,
  commandLine,
}: Pick<ReportRun, 'started' | 'milliseconds' | 'commandLine'>): Html {
  const time = started.toISOString();
  return html`<dt>checked</dt>
    <dd>
      <time datetime="${time}">${`${time.slice(0, 10)} ${time.slice(11, 19)} UTC`}</time>, in
      ${formatMs(milliseconds)}
    </dd>
    <dt>command</dt>
    <dd><code>${commandLine}</code></dd>`;
}

function platform(image: CheckedPlatform, result: CheckResult): Html {
  const { contents } = image;
  const { isGood, text } = platformVerdict(image.platform, result.findings);
  const sourceBytes = sumOf(image, ({ source }) => source?.bytes);
  return html`<article class="card">
    <h3>${image.platform} <span class="pill ${isGood ? 'good' : 'bad'}">${text}</span></h3>
    <p class="soft">
      <code>${image.nydus.slice(0, 19)}</code>
      ${image.oci === undefined ? 'Nydus image alone' : 'with an ordinary image for other clients'}
    </p>
    <div class="facts">
      ${fact(`${image.layers}`, image.layers === 1 ? 'layer' : 'layers')}
      ${sourceBytes === undefined ? undefined : fact(formatBytes(sourceBytes), 'source layers')}
      ${fact(formatBytes(image.blobBytes), 'blobs')} ${fact(formatBytes(image.bootstrapBytes), 'bootstrap')}
      ${contents === undefined ? undefined : [fact(contents.files.toLocaleString('en'), 'files'), fact(formatBytes(contents.bytes), 'in files'), fact(formatBytes(contents.bytes - contents.uniqueBytes), 'saved by deduplication')]}
    </div>
    <p style="margin-top:12px">
      ${image.oci === undefined || image.ociRead ? undefined : html`<span class="pill plain">OCI layers unread</span>`}
      ${image.dataRead ? undefined : html`<span class="pill plain">chunk data not read</span>`}
      ${image.compared ? html`<span class="pill good">every file compared with the source</span>` : html`<span class="pill plain">not compared with a source</span>`}
    </p>
  </article>`;
}

function fact(value: string, name: string): Html {
  return html`<div class="fact"><b>${value}</b><span>${name}</span></div>`;
}

function sumOf(
  { layerSizes }: CheckedPlatform,
  pick: (layer: CheckedPlatform['layerSizes'][number]) => number | undefined,
): number | undefined {
  let sum = 0;
  for (const layer of layerSizes) {
    const value = pick(layer);
    if (value === undefined) return undefined;
    sum += value;
  }
  return sum;
}

const PILLS = { lazily: 'good', unpacked: 'plain', copied: 'plain', fails: 'bad' } as const;

function clientTable({ platform: name, entries, clients }: PlatformClients): Html {
  return html`<article class="card">
    <h3>${name}</h3>
    <ul class="entries">
      ${entries.map((entry) => html`<li>${manifestText(entry)} <code class="soft">${entry.digest}</code></li>`)}
    </ul>
    <div>
      <table class="clients">
        <thead>
          <tr>
            <th scope="col">client</th>
            <th scope="col">takes</th>
            <th scope="col">result</th>
            <th scope="col">why</th>
          </tr>
        </thead>
        <tbody>
          ${clients.map(clientRow)}
        </tbody>
      </table>
    </div>
  </article>`;
}

function clientRow(verdict: ClientVerdict): Html {
  const versions =
    verdict.versions === '' ? undefined : html`<br /><span class="soft">${verdict.versions}</span>`;
  return html`<tr>
    <th scope="row">${clientName(verdict)}${versions}</th>
    <td data-name="takes">${pickText(verdict)}</td>
    <td data-name="result">
      <span class="pill ${PILLS[verdict.outcome]}">${OUTCOMES[verdict.outcome]}</span>
    </td>
    <td data-name="why">${verdict.why}${verdict.trace === undefined ? undefined : trace(verdict.trace)}</td>
  </tr>`;
}

function trace({ steps }: Detection): Html {
  const items = steps.map(({ step, ok, detail }) =>
    ok
      ? html`<li>${step}<br /><span class="soft mono">${detail.join(' · ')}</span></li>`
      : html`<li>
          <span class="stop">${step}: ends here</span><br /><span class="soft mono"
            >${detail.join(' · ')}</span
          >
        </li>`,
  );
  return html`<details>
    <summary>every step</summary>
    <ol class="trace">
      ${items}
    </ol>
  </details>`;
}

function layers(image: CheckedPlatform): Html {
  const largest = Math.max(
    1,
    ...image.layerSizes.map(({ blobBytes, source }) => Math.max(blobBytes, source?.bytes ?? 0)),
  );
  const rows = image.layerSizes.map(({ blob, blobBytes, source }, i) => {
    const saved = source === undefined ? undefined : source.bytes - blobBytes;
    return html`<div class="label"><b>${i + 1}</b> <code class="soft">${blob.slice(7, 19)}</code></div>
      <div class="room">
        ${source === undefined ? undefined : bar(source.bytes / largest, '')}${bar(blobBytes / largest, 'nydus')}
      </div>
      <div class="amount">
        ${source === undefined ? undefined : `${formatBytes(source.bytes)} → `}${formatBytes(blobBytes)}${saved === undefined ? undefined : difference(saved)}
      </div>`;
  });
  return html`<article class="card">
    <h3>${image.platform}</h3>
    <div class="legend">
      <span><i></i>source layer, as pulled</span><span><i class="nydus"></i>blob</span>
    </div>
    <div class="bars">${rows}</div>
  </article>`;
}

function difference(saved: number): Html {
  return saved >= 0
    ? html` <span class="saved">${formatBytes(saved)} saved</span>`
    : html` <span class="grown">${formatBytes(-saved)} more</span>`;
}

function bar(share: number, kind: string): Html {
  const width = (Math.max(0, Math.min(1, share)) * 100).toFixed(2);
  return html`<div class="track"><div class="fill ${kind}" style="width:${width}%"></div></div>`;
}

function directories({ platform: name, contents }: CheckedPlatform): readonly Html[] {
  if (contents === undefined || contents.directories.length === 0) return [];
  const rows = contents.directories.map(
    ({ path, depth, files, bytes }) =>
      html`<div class="label mono${depth > 1 ? ' deep' : ''}">${path}</div>
        <div class="room">${bar(bytes / Math.max(1, contents.bytes), 'nydus')}</div>
        <div class="amount">${formatBytes(bytes)} <span class="soft">${plural(files, 'file')}</span></div>`,
  );
  return [
    html`<article class="card">
      <h3>${name}</h3>
      <p class="soft" style="margin-bottom:12px">
        ${formatBytes(contents.bytes)} in ${contents.files.toLocaleString('en')} files
      </p>
      <div class="bars">${rows}</div>
    </article>`,
  ];
}
