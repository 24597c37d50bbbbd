/** Two curves over logarithmic axes, as an SVG that needs nothing else. */
import type { Point } from './growth.js';

const WIDTH = 640;
const HEIGHT = 300;
const MARGIN = { left: 60, right: 70, top: 40, bottom: 45 } as const;
const TIME = '#1f6feb';
const MEMORY = '#d1242f';

interface Axis {
  readonly low: number;
  readonly high: number;
}

/** Whole powers of ten around the values. */
function axisOf(values: readonly number[]): Axis {
  const low = Math.floor(Math.log10(Math.min(...values)));
  return { low, high: Math.max(low + 1, Math.ceil(Math.log10(Math.max(...values)))) };
}

function ticks({ low, high }: Axis): number[] {
  return Array.from({ length: high - low + 1 }, (_, step) => low + step);
}

function power(exponent: number): string {
  return exponent < 0 || exponent > 3
    ? `10<tspan dy="-5" font-size="9">${exponent}</tspan>`
    : String(10 ** exponent);
}

/** Seconds in blue by the left axis, peak megabytes in red by the right one. */
export function plot(title: string, unit: string, points: readonly Point[]): string {
  const seconds = points.map(({ cost }) => cost.wall);
  const megabytes = points.map(({ cost }) => cost.memory / 1e6);
  const [x, left, right] = [axisOf(points.map((point) => point.x)), axisOf(seconds), axisOf(megabytes)];
  const across = (exponent: number): number =>
    MARGIN.left + ((exponent - x.low) / (x.high - x.low)) * (WIDTH - MARGIN.left - MARGIN.right);
  const up = (exponent: number, axis: Axis): number =>
    HEIGHT -
    MARGIN.bottom -
    ((exponent - axis.low) / (axis.high - axis.low)) * (HEIGHT - MARGIN.top - MARGIN.bottom);
  const text = (at: string, anchor: string, color: string, content: string): string =>
    `<text ${at} text-anchor="${anchor}" fill="${color}">${content}</text>`;
  const curve = (values: readonly number[], axis: Axis, color: string): string => {
    const places = values.map((value, i) => [
      across(Math.log10(points[i]?.x ?? 1)).toFixed(1),
      up(Math.log10(value), axis).toFixed(1),
    ]);
    const dots = places.map(
      ([cx, cy]) => `<circle cx="${cx ?? ''}" cy="${cy ?? ''}" r="3" fill="${color}"/>`,
    );
    const line = places.map((place) => place.join(',')).join(' ');
    return `<polyline points="${line}" fill="none" stroke="${color}" stroke-width="2"/>${dots.join('')}`;
  };
  const bottom = HEIGHT - MARGIN.bottom;
  const end = WIDTH - MARGIN.right;
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" font-family="sans-serif" font-size="12">`,
    `<rect width="${WIDTH}" height="${HEIGHT}" fill="white"/>`,
    text(`x="${WIDTH / 2}" y="18" font-size="14"`, 'middle', 'black', title),
    `<path d="M${MARGIN.left} ${MARGIN.top}V${bottom}H${end}V${MARGIN.top}" fill="none" stroke="#888"/>`,
    ...ticks(x).map((tick) => text(`x="${across(tick)}" y="${bottom + 18}"`, 'middle', 'black', power(tick))),
    ...ticks(left).map((tick) =>
      text(`x="${MARGIN.left - 8}" y="${up(tick, left) + 4}"`, 'end', TIME, power(tick)),
    ),
    ...ticks(right).map((tick) =>
      text(`x="${end + 8}" y="${up(tick, right) + 4}"`, 'start', MEMORY, power(tick)),
    ),
    text(`x="${(MARGIN.left + end) / 2}" y="${HEIGHT - 8}"`, 'middle', 'black', unit),
    text(`x="${MARGIN.left}" y="32"`, 'middle', TIME, 'wall s'),
    text(`x="${end}" y="32"`, 'middle', MEMORY, 'peak MB'),
    curve(seconds, left, TIME),
    curve(megabytes, right, MEMORY),
    '</svg>',
    '',
  ].join('\n');
}
