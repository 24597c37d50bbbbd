import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fc } from '../../../support/properties.js';
import { type Node, parseTree } from 'jsonc-parser';
import { treeSteps } from '../../../../src/oci/json/tree.js';
import { atOnce } from '../../../../src/turns.js';

/** What editing needs of a node: all but the way up, and the values of numbers. */
function facts({ type, offset, length, colonOffset, value, children }: Node): object {
  return {
    type,
    offset,
    length,
    ...(colonOffset === undefined ? {} : { colonOffset }),
    ...(type === 'number' ? {} : { value: value as unknown }),
    children: children?.map(facts),
  };
}

function latin1(text: string): string {
  return Buffer.from(text, 'utf8').toString('latin1');
}

function assertSame(text: string): void {
  const expected = parseTree(text) ?? assert.fail(text);
  assert.deepEqual(facts(atOnce(treeSteps(text))), facts(expected), text);
}

test('the tree of a document is that of jsonc-parser, node for node and place for place', () => {
  fc.assert(
    fc.property(fc.json({ maxDepth: 5 }), fc.constantFrom(undefined, 1, '\t', '  '), (json, indent) => {
      assertSame(latin1(JSON.stringify(JSON.parse(json), undefined, indent)));
    }),
  );
});

for (const text of [
  ' { "a" : [ ] , "b":{} , "c" :-1.5e+300, "a":null}\n',
  '"\\"\\\\"',
  '{"\\u0061\\\\":"x\\\\"}',
  '[true,false,null,0,[[[]]],{"":""}]',
  '  12345678901234567890  ',
])
  test(`so it is for ${text}`, () => {
    assertSame(text);
  });
