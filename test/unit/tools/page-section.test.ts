import assert from 'node:assert/strict';
import { test } from 'node:test';
import { sectionRows, withSection } from '../../../tools/docs/page-section.js';
import { markdownTable } from '../../support/markdown-table.js';

const PAGE =
  'Before.\n\n| a | b |\n| - | - |\n| of another table | 0 |\n\n<!-- t -->\n\n<!-- /t -->\n\nBehind.\n';

test('the rows of a written section are read back, and those of other tables are not', () => {
  const rows = [
    ['tiny', '1'],
    ['node-app', 'equal bytes'],
  ];
  assert.deepEqual(sectionRows(withSection(PAGE, 't', markdownTable(['image', 'x'], rows)), 't'), rows);
  assert.deepEqual(sectionRows(PAGE, 't'), []);
});
