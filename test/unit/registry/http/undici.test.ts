import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { test } from 'node:test';

const src = join(import.meta.dirname, '..', '..', '..', '..', 'src');

/** Prints which prototypes of undici change when our registry is loaded, and whether that loads fetch. */
const SCRIPT = `
  import { createRequire } from 'node:module';
  const require = createRequire(process.argv[1]);
  const names = ['dispatcher', 'dispatcher-base', 'pool', 'client', 'agent', 'proxy-agent'];
  const prototypes = names.map((name) => require('undici/lib/dispatcher/' + name + '.js').prototype);
  const shape = () => prototypes.map((prototype) => Object.getOwnPropertyDescriptors(prototype));
  const before = shape();
  await import(process.argv[1]);
  const same = (a, b) => {
    const keys = Reflect.ownKeys(a);
    return keys.length === Reflect.ownKeys(b).length && keys.every((key) => a[key].value === b[key]?.value);
  };
  const changed = names.filter((_, i) => !same(before[i], shape()[i]));
  const loaded = Object.keys(require.cache).filter((path) => path.includes('/undici/'));
  console.log(JSON.stringify({ changed, fetch: loaded.some((path) => path.includes('/web/fetch/index')) }));
`;

test('loading the registry leaves the classes of undici unchanged, and does not load fetch', () => {
  const output = execFileSync(
    process.execPath,
    ['--input-type=module', '--eval', SCRIPT, join(src, 'registry', 'open.js')],
    { encoding: 'utf8' },
  );
  assert.deepEqual(JSON.parse(output), { changed: [], fetch: false });
});
