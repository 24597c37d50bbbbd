import assert from 'node:assert/strict';
import { resolve } from 'node:path';
import { test } from 'node:test';
import { parseChunkDict } from '../../../../src/cli/flags/chunk-dict.js';
import { UsageError } from '../../../../src/errors.js';
import { formatLocation } from '../../../../src/registry/location.js';
import { projectRoot } from '../../../support/project.js';

const placeOf = (text: string): string => {
  const place = parseChunkDict(text);
  return place.kind === 'bootstrap' ? `file ${place.path}` : formatLocation(place);
};

test('a chunk dictionary is an image or a bootstrap, in the words of both commands of upstream and in shorter ones', () => {
  const image = 'localhost:5000/app/dict:1';
  for (const text of [image, `bootstrap:registry:${image}`, `docker://${image}`])
    assert.equal(placeOf(text), image);
  assert.equal(placeOf('bootstrap:registry:app'), 'docker.io/library/app:latest');
  assert.equal(
    placeOf('bootstrap:2'),
    'docker.io/library/bootstrap:2',
    'two parts are an image of this name',
  );
  assert.equal(placeOf('bootstrap:local:some:file'), `file ${resolve('some:file')}`);
  assert.equal(placeOf('bootstrap=some/file'), `file ${resolve('some/file')}`);
  assert.equal(placeOf(`bootstrap:local:${projectRoot}`), `oci:${projectRoot}`, 'a folder is a layout');
  assert.equal(placeOf('oci:/layout:dict'), 'oci:/layout:dict');
});

test("other formats and sources of a dictionary are refused in upstream's words", () => {
  const cases: readonly [string, RegExp][] = [
    ['bootstrap:oss:x', /invalid chunk dict source oss, should be registry or local/],
    ['blob=x', /invalid chunk dict format blob, should be \[bootstrap\]/],
    ['bootstrap=', /names no file/],
    ['bootstrap:local:', /names no file/],
  ];
  for (const [text, message] of cases)
    assert.throws(
      () => parseChunkDict(text),
      (error) => error instanceof UsageError && message.test(error.message),
    );
});
