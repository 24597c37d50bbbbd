/** Numbers for people. */
import { UsageError } from '../../errors.js';

const UNITS = ['B', 'kB', 'MB', 'GB', 'TB'] as const;

/** Decimal units, three digits: `652 MB`, `28.4 MB`, `1.97 GB`. */
export function formatBytes(bytes: number): string {
  let value = bytes;
  let unit = 0;
  while (value >= 999.5 && unit < UNITS.length - 1) {
    value /= 1000;
    unit++;
  }
  const digits = unit === 0 ? 0 : value < 9.995 ? 2 : value < 99.95 ? 1 : 0;
  return `${value.toFixed(digits)} ${UNITS[unit] ?? ''}`;
}

/** `12 ms`, `8.3 s`, `2 min 5 s`, `1 h 0 min`. Rounding comes before the choice of the unit, so that no `60 s` and no `1000 ms` appears. */
export function formatMs(ms: number): string {
  const whole = Math.round(ms);
  if (whole < 1000) return `${whole} ms`;
  const tenths = Math.round(ms / 100);
  if (tenths < 600) return `${(tenths / 10).toFixed(1)} s`;
  const seconds = Math.round(ms / 1000);
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ${seconds % 60} s`;
  const minutes = Math.round(ms / 60_000);
  return `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

const FACTORS: Readonly<Record<string, number>> = { '': 1, k: 1e3, m: 1e6, g: 1e9 };
const BINARY_FACTORS: Readonly<Record<string, number>> = { k: 2 ** 10, m: 2 ** 20, g: 2 ** 30 };

/** `10MB/s`, `10M`, `512KiB/s`, `1.5GB`, `1000000`: bytes a second; decimal units but for those with an `i`. Throws UsageError. */
export function parseRate(name: string, text: string): number {
  const match = /^([0-9]+(?:\.[0-9]+)?) ?([kmg]?)(i?)b?(?:\/s)?$/i.exec(text);
  const [, number, unit = '', binary = ''] = match ?? [];
  const factor = (binary === '' ? FACTORS : BINARY_FACTORS)[unit.toLowerCase()];
  const rate = Number(number) * (factor ?? NaN);
  if (!(rate >= 1)) {
    throw new UsageError(`--${name} "${text}" is not a rate`, { hint: 'write it as 10MB/s or 512KiB/s' });
  }
  return rate;
}

/** `1 layer`, `2 layers`. */
export function plural(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`;
}
