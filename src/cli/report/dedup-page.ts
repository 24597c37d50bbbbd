/** An estimate of what images share, as one page. Plots are inline SVG, and nothing is loaded from anywhere. */
import type { DedupEstimate } from '../../dedup/estimate.js';
import { formatChunkSize, share } from '../text/dedup.js';
import { formatBytes, plural } from '../text/units.js';
import { Html, html } from './html-escape.js';
import { STYLE } from './html-style.js';

const PLOT_STYLE = `
svg { width: 100%; height: auto; display: block; }
svg text { font-size: 12px; fill: var(--soft); }
.axis { stroke: var(--line); } .line { fill: none; stroke-width: 2.5; }
.s0 { stroke: var(--bar); fill: var(--bar); } .s1 { stroke: var(--bar-nydus); fill: var(--bar-nydus); } .s2 { stroke: var(--good); fill: var(--good); }
.line.s0, .line.s1, .line.s2 { fill: none; }
.line.s0 { stroke-dasharray: 7 6; }
svg text.in { fill: var(--text); }
.hero > div { flex: 1; }
th, td { text-align: right; white-space: normal; padding: 4px 0 4px 14px; font-variant-numeric: tabular-nums; }
th:first-child, td:first-child { padding-left: 0; text-align: left; overflow-wrap: anywhere; }
.scroll { overflow-x: auto; }
.key { display: inline-block; width: 12px; height: 12px; border-radius: 3px; margin: 0 6px 0 14px; vertical-align: -1px; }
.key.s0 { background: var(--bar); } .key.s1 { background: var(--bar-nydus); } .key.s2 { background: var(--good); }
`;

const WIDTH = 900;
const HEIGHT = 300;
const LEFT = 80;
const BOTTOM = 30;
/** The opacity of a square that stands for all chunks: its text must be readable in both colour schemes. */
const DEEPEST = 0.55;
/** The widest group of bars. */
const WIDEST = 220;

interface Series {
  readonly name: string;
  readonly values: readonly number[];
}

export function estimatePage(estimate: DedupEstimate): string {
  const { images, stored, dictionary } = estimate;
  const rest = images.length - dictionary.images;
  const saved = dictionary.storedWithout - dictionary.storedWith;
  const style = new Html(STYLE + PLOT_STYLE);
  return html`<!doctype html>
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <title>What ${plural(images.length, 'image')} share</title>
        <style>
          ${style}
        </style>
      </head>
      <body>
        <main>
          <div class="card hero">
            <div>
              <h1>What ${plural(images.length, 'image')} share</h1>
              <div class="facts">
                <div class="fact">
                  <b>${formatBytes(stored.at(-1)?.layers ?? 0)}</b><span>layers in the registry</span>
                </div>
                <div class="fact">
                  <b>${formatBytes(stored.at(-1)?.nydus ?? 0)}</b><span>Nydus blobs and bootstraps</span>
                </div>
                <div class="fact">
                  <b>${formatBytes(stored.at(-1)?.withDictionary ?? 0)}</b><span>with a dictionary</span>
                </div>
                <div class="fact">
                  <b>${share(saved, dictionary.storedWithout)}</b
                  ><span
                    >saved on ${plural(rest, 'image')} by ${plural(dictionary.chunks, 'chunk')} of the first
                    ${dictionary.images}</span
                  >
                </div>
              </div>
            </div>
          </div>
          <h2>Stored in the registry, image after image</h2>
          <div class="card">
            ${linePlot(
              [
                { name: 'layers', values: stored.map(({ layers }) => layers) },
                { name: 'Nydus', values: stored.map(({ nydus }) => nydus) },
                { name: 'with a dictionary', values: stored.map(({ withDictionary }) => withDictionary) },
              ],
              images.map((_, n) => `${n + 1}`),
            )}${imageTable(estimate)}
          </div>
          <h2>Chunks in common, in percent of the smaller image</h2>
          <div class="card scroll">${matrix(estimate)}</div>
          <h2>Chunk sizes</h2>
          <div class="card">${bars(estimate)}${chunkSizeTable(estimate)}</div>
          <h2>To be downloaded by a node that has one image and gets the next</h2>
          <div class="card">${upgradePlot(estimate)}</div>
        </main>
      </body>
    </html> `.markup;
}

function imageTable({ images }: DedupEstimate): Html {
  const rows = images.map(
    ({ image, layerBytes, nydusBytes, dictionarySaves }, n) =>
      html`<tr>
        <td>${n + 1} ${image}</td>
        <td>${formatBytes(layerBytes)}</td>
        <td>${formatBytes(nydusBytes)}</td>
        <td>${dictionarySaves === undefined ? 'in the dictionary' : formatBytes(dictionarySaves)}</td>
      </tr>`,
  );
  return table(['image', 'layers', 'Nydus', 'the dictionary saves'], rows);
}

function table(heads: readonly string[], rows: readonly Html[]): Html {
  return html`<div class="scroll">
    <table>
      <thead>
        <tr>
          ${heads.map((head) => html`<th>${head}</th>`)}
        </tr>
      </thead>
      <tbody>
        ${rows}
      </tbody>
    </table>
  </div>`;
}

function matrix({ images, shared }: DedupEstimate): Html {
  const cell = 44;
  const side = images.length * cell;
  const squares = images.flatMap((_, row) =>
    images.map((__, column) => {
      const smaller = Math.min(shared[row]?.[row] ?? 0, shared[column]?.[column] ?? 0);
      const common = smaller === 0 ? 0 : (shared[row]?.[column] ?? 0) / smaller;
      const [x, y] = [30 + column * cell, 24 + row * cell];
      const label = `${row + 1} and ${column + 1}: ${formatBytes(shared[row]?.[column] ?? 0)}`;
      return html`<g
        ><title>${label}</title
        ><rect
          x="${x}"
          y="${y}"
          width="${cell - 3}"
          height="${cell - 3}"
          rx="4"
          class="s1"
          stroke="none"
          fill-opacity="${(common * DEEPEST).toFixed(3)}"
        /><text x="${x + cell / 2 - 2}" y="${y + cell / 2 + 3}" class="in" text-anchor="middle"
          >${Math.round(common * 100)}</text
        ></g
      >`;
    }),
  );
  const heads = images.map(
    (_, n) =>
      html`<text x="${30 + n * cell + cell / 2}" y="16" text-anchor="middle">${n + 1}</text
        ><text x="14" y="${24 + n * cell + cell / 2 + 3}" text-anchor="middle">${n + 1}</text>`,
  );
  return html`<svg viewBox="0 0 ${side + 40} ${side + 30}" style="max-width:${side + 40}px" role="img">
    ${heads}${squares}
  </svg>`;
}

function bars({ chunkSizes }: DedupEstimate): Html {
  const top = Math.max(1, ...chunkSizes.map(({ blobBytes, bootstrapBytes }) => blobBytes + bootstrapBytes));
  const step = Math.min(WIDEST, (WIDTH - LEFT) / Math.max(1, chunkSizes.length));
  const shown = chunkSizes.map(({ chunkSize, blobBytes, bootstrapBytes, uniqueBytes }, n) => {
    const x = LEFT + n * step + step * 0.15;
    const bar = (bytes: number, at: number, series: number): Html => {
      const height = (bytes / top) * (HEIGHT - BOTTOM - 10);
      return html`<rect
        x="${(x + at).toFixed(1)}"
        y="${(HEIGHT - BOTTOM - height).toFixed(1)}"
        width="${(step * 0.3).toFixed(1)}"
        height="${height.toFixed(1)}"
        class="s${series}"
        stroke="none"
        ><title>${formatBytes(bytes)}</title></rect
      >`;
    };
    return html`${bar(blobBytes + bootstrapBytes, 0, 1)}${bar(uniqueBytes, step * 0.35, 2)}<text
        x="${(x + step * 0.33).toFixed(1)}"
        y="${HEIGHT - 8}"
        text-anchor="middle"
        >${formatChunkSize(chunkSize)}</text
      >`;
  });
  return html`<p class="soft">${key(1)}blobs and bootstraps${key(2)}each chunk once</p>
    <svg viewBox="0 0 ${WIDTH} ${HEIGHT}" role="img">${scale(top)}${shown}</svg>`;
}

function chunkSizeTable({ chunkSizes }: DedupEstimate): Html {
  const rows = chunkSizes.map(
    (row) =>
      html`<tr>
        <td>${formatChunkSize(row.chunkSize)}</td>
        <td>${row.chunks}</td>
        <td>${formatBytes(row.blobBytes)}</td>
        <td>${formatBytes(row.bootstrapBytes)}</td>
        <td>${formatBytes(row.uniqueBytes)}</td>
      </tr>`,
  );
  return table(['chunk size', 'chunks', 'blobs', 'bootstraps', 'each chunk once'], rows);
}

function upgradePlot({ images, upgrades }: DedupEstimate): Html {
  const steps = images.slice(1).map(({ image: to }, n) => {
    const from = images[n]?.image;
    return upgrades.find((upgrade) => upgrade.from === from && upgrade.to === to);
  });
  return linePlot(
    [
      { name: 'layers', values: steps.map((step) => step?.layers ?? 0) },
      { name: 'Nydus', values: steps.map((step) => step?.nydus ?? 0) },
      { name: 'with a dictionary', values: steps.map((step) => step?.withDictionary ?? 0) },
    ],
    steps.map((_, n) => `${n + 1} → ${n + 2}`),
  );
}

function linePlot(series: readonly Series[], labels: readonly string[]): Html {
  const top = Math.max(1, ...series.flatMap(({ values }) => values));
  const step = (WIDTH - LEFT - 40) / Math.max(1, labels.length - 1);
  const x = (n: number): string => (LEFT + 20 + n * step).toFixed(1);
  const y = (value: number): string => (HEIGHT - BOTTOM - (value / top) * (HEIGHT - BOTTOM - 10)).toFixed(1);
  const lines = series.map(
    ({ values, name }, n) =>
      html`<polyline
          class="line s${n}"
          points="${values.map((value, at) => `${x(at)},${y(value)}`).join(' ')}"
        />${values.map(
          (value, at) =>
            html`<circle cx="${x(at)}" cy="${y(value)}" r="4" class="s${n}" stroke="none"
              ><title>${name}: ${formatBytes(value)}</title></circle
            >`,
        )}`,
  );
  const names = labels.map(
    (label, n) => html`<text x="${x(n)}" y="${HEIGHT - 8}" text-anchor="middle">${label}</text>`,
  );
  const keys = series.map(({ name }, n) => html`${key(n)}${name}`);
  return html`<p class="soft">${keys}</p>
    <svg viewBox="0 0 ${WIDTH} ${HEIGHT}" role="img">${scale(top)}${lines.toReversed()}${names}</svg>`;
}

function key(series: number): Html {
  return html`<span class="key s${series}"></span>`;
}

/** Four lines with the bytes that they stand for. */
function scale(top: number): readonly Html[] {
  return [0, 0.25, 0.5, 0.75, 1].map((part) => {
    const y = (HEIGHT - BOTTOM - part * (HEIGHT - BOTTOM - 10)).toFixed(1);
    return html`<line x1="${LEFT}" x2="${WIDTH}" y1="${y}" y2="${y}" class="axis" /><text
        x="${LEFT - 8}"
        y="${y}"
        dy="4"
        text-anchor="end"
        >${formatBytes(top * part)}</text
      >`;
  });
}
