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

export function formatMs(ms: number): string {
  if (ms < 1000) return `${Math.round(ms)} ms`;
  if (ms < 60_000) return `${(ms / 1000).toFixed(1)} s`;
  return `${Math.floor(ms / 60_000)} min ${Math.round((ms % 60_000) / 1000)} s`;
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
