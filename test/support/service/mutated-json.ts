/** JSON that has been bent at a random place, for readers of what others send. */

/** Numbers from 0 to 1, the same for the same seed. */
export function seeded(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}

const ODD: readonly unknown[] = [
  null,
  true,
  0,
  -1,
  1e300,
  '',
  'x',
  'a\nb',
  '\u0000',
  '../../etc/passwd',
  'evil.example/a:1',
  'é'.repeat(300),
  'a'.repeat(5000),
  [],
  [[]],
  {},
  { __proto__: null, constructor: 1, toString: 'x' },
  { url: 'http://evil.example/' },
];

/** A copy in which one value has another in its place, is gone, or is there twice. */
export function mutated(value: unknown, random: () => number): unknown {
  const pick = <T>(list: readonly T[]): T | undefined => list[Math.floor(random() * list.length)];
  const isHere = typeof value !== 'object' || value === null || random() < 0.15;
  if (isHere) return pick(ODD);
  if (Array.isArray(value)) {
    const at = Math.floor(random() * value.length);
    const items = value as readonly unknown[];
    const bent = mutated(items[at], random);
    return random() < 0.3 ? [...items, bent] : items.map((item, index) => (index === at ? bent : item));
  }
  const entries = Object.entries(value);
  const name = pick(entries)?.[0];
  if (random() < 0.2) return Object.fromEntries(entries.filter(([one]) => one !== name));
  return Object.fromEntries(entries.map(([one, old]) => [one, one === name ? mutated(old, random) : old]));
}
