import { UsageError } from '../errors.js';

/** Throws UsageError unless the value is a whole number in the range. */
export function within(what: string, value: number, min: number, max: number): void {
  if (!Number.isInteger(value) || value < min || value > max) {
    throw new UsageError(`${what} ${value} is not a whole number from ${min} to ${max}`);
  }
}
