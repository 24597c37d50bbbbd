import assert from 'node:assert/strict';
import { test } from 'node:test';
import { InvalidReferenceError } from '../../../src/errors.js';
import {
  formatPlatform,
  formatSelection,
  isSelected,
  isUnknownPlatform,
  parsePlatform,
  parsePlatforms,
  platformMatches,
} from '../../../src/oci/platform.js';

test('other spellings of a platform have one normal form', () => {
  for (const [text, normal] of [
    ['linux/amd64', 'linux/amd64'],
    ['linux/x86_64', 'linux/amd64'],
    ['linux/amd64/v1', 'linux/amd64'],
    ['linux/amd64/v3', 'linux/amd64/v3'],
    ['Linux/AArch64', 'linux/arm64'],
    ['linux/arm64/v8', 'linux/arm64'],
    ['linux/arm64/8', 'linux/arm64'],
    ['linux/arm', 'linux/arm/v7'],
    ['linux/arm/6', 'linux/arm/v6'],
    ['linux/armhf', 'linux/arm/v7'],
    ['linux/armel', 'linux/arm/v6'],
    ['linux/i386', 'linux/386'],
    ['macos/arm64', 'darwin/arm64'],
    [' linux/s390x ', 'linux/s390x'],
  ] as const) {
    assert.equal(formatPlatform(parsePlatform(text)), normal, text);
  }
});

test('a word alone is an architecture of Linux, or a system on the architecture of the machine', () => {
  for (const [text, normal] of [
    ['amd64', 'linux/amd64'],
    ['x86_64', 'linux/amd64'],
    ['aarch64', 'linux/arm64'],
    ['armhf', 'linux/arm/v7'],
    ['ARM', 'linux/arm/v7'],
    ['riscv64', 'linux/riscv64'],
    ['linux', 'linux/arm64'],
    ['Windows', 'windows/arm64'],
    ['macos', 'darwin/arm64'],
  ] as const) {
    assert.equal(formatPlatform(parsePlatform(text, 'arm64')), normal, text);
  }
  assert.equal(formatSelection(parsePlatforms('amd64, linux', 'arm64')), 'linux/amd64, linux/arm64');
  for (const text of ['linux', 'amd46', 'toString'])
    assert.throws(() => parsePlatform(text), { message: `invalid platform: "${text}"` });
});

test('what is no platform is named in the error', () => {
  for (const text of ['', 'linux', 'linux/', '/amd64', 'a/b/c/d', 'linux/am d64', 'linux//v7']) {
    assert.throws(
      () => parsePlatform(text),
      (error) => error instanceof InvalidReferenceError && error.message === `invalid platform: "${text}"`,
    );
  }
  assert.throws(() => parsePlatforms('linux/amd64,'), { message: 'invalid platform: ""' });
});

test('a list keeps its order and drops what it says twice', () => {
  const selection = parsePlatforms('linux/arm64, linux/amd64,linux/arm64/v8');
  assert.equal(formatSelection(selection), 'linux/arm64, linux/amd64');
  assert.equal(formatSelection(parsePlatforms('all')), 'all');
});

test('an index entry is selected by its normal form, and always when it states no platform', () => {
  const selection = parsePlatforms('linux/arm64');
  assert.ok(isSelected(selection, { os: 'linux', architecture: 'arm64', variant: 'v8' }));
  assert.ok(isSelected(selection, undefined));
  assert.ok(!isSelected(selection, { os: 'linux', architecture: 'arm' }));
  assert.ok(isSelected(parsePlatforms('all'), { os: 'windows', architecture: 'amd64' }));
});

test('the version of the system counts only when it is asked for', () => {
  const actual = { os: 'windows', architecture: 'amd64', osVersion: '10.0.1' };
  assert.ok(platformMatches({ os: 'windows', architecture: 'amd64' }, actual));
  assert.ok(!platformMatches({ os: 'windows', architecture: 'amd64', osVersion: '10.0.2' }, actual));
});

test('the platform of attestations is known as such', () => {
  assert.ok(isUnknownPlatform({ os: 'unknown', architecture: 'unknown' }));
  assert.ok(!isUnknownPlatform({ os: 'linux', architecture: 'unknown' }));
  assert.ok(!isUnknownPlatform(undefined));
});

test('an architecture that is called like a member of every object is an architecture', () => {
  for (const architecture of ['__proto__', 'constructor', 'toString', 'hasOwnProperty'])
    assert.equal(formatPlatform({ os: 'linux', architecture }), `linux/${architecture.toLowerCase()}`);
});
