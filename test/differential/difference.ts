/** Where two byte strings part, for a message that a person can act on. */

const SHOWN = 16;

function hexAt(bytes: Uint8Array, offset: number): string {
  return Buffer.from(bytes.subarray(offset, offset + SHOWN)).toString('hex');
}

/** Empty when equal; else the sizes when they differ, and the first place where the bytes do. */
export function locatedDifferences(ours: Uint8Array, reference: Uint8Array): string[] {
  if (Buffer.compare(ours, reference) === 0) return [];
  const differences: string[] = [];
  if (ours.length !== reference.length) {
    differences.push(`${ours.length} bytes, the reference has ${reference.length}`);
  }
  const shorter = Math.min(ours.length, reference.length);
  let first = 0;
  while (first < shorter && ours[first] === reference[first]) first++;
  if (first < shorter) {
    differences.push(
      `at ${first} (0x${first.toString(16)}): ${hexAt(ours, first)}, the reference has ${hexAt(reference, first)}`,
    );
  }
  return differences;
}
