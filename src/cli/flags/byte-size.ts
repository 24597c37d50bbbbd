import { UsageError } from '../../errors.js';

const UNITS: Readonly<Record<string, number>> = { '': 1, K: 2 ** 10, M: 2 ** 20, G: 2 ** 30 };

/** `0x100000`, `1048576`, `1024K`, `1M`, `1MiB`. Throws UsageError. */
export function parseByteSize(name: string, text: string): number {
  if (/^0x[0-9a-f]+$/i.test(text)) return Number(text);
  const match = /^([0-9]+)([KMG]?)(?:i?B)?$/i.exec(text);
  const unit = UNITS[match?.[2]?.toUpperCase() ?? ''];
  if (match === null || unit === undefined) {
    throw new UsageError(`--${name} "${text}" is not a size`, {
      hint: 'write it as 0x100000, 1048576 or 1M',
    });
  }
  return Number(match[1]) * unit;
}
