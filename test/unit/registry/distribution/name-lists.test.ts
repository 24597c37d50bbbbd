/** Lists of tags and of repositories: pages, odd names, and lists that do not end. */
import assert from 'node:assert/strict';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { type TestContext, test } from 'node:test';
import { FormatError, RegistryError } from '../../../../src/errors.js';
import { anonymous } from '../../../../src/registry/auth/credentials.js';
import { openSource } from '../../../../src/registry/open.js';
import { listsRepositories, listsTags } from '../../../../src/registry/stores/store.js';

type Answer = (request: IncomingMessage, response: ServerResponse, host: string) => void;

async function lists(
  t: TestContext,
  answer: Answer,
): Promise<{
  readonly tags: () => Promise<readonly string[]>;
  readonly repositories: () => Promise<readonly string[]>;
}> {
  const server = createServer((request, response) => {
    answer(request, response, `127.0.0.1:${(server.address() as AddressInfo).port}`);
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  const source = openSource(`127.0.0.1:${(server.address() as AddressInfo).port}/team/app:1`, {
    credentials: anonymous,
    retry: { attempts: 1, baseMs: 1, capMs: 1 },
  });
  t.after(() => source[Symbol.asyncDispose]());
  assert.ok(listsTags(source) && listsRepositories(source));
  return { tags: () => source.tags(), repositories: () => source.repositories() };
}

function json(response: ServerResponse, value: object, next?: string): void {
  response.writeHead(200, {
    'content-type': 'application/json',
    ...(next === undefined ? {} : { link: `<${next}>; rel="next"` }),
  });
  response.end(JSON.stringify(value));
}

/** Pages of one name each; `url` is asked first. */
function paged(member: string, names: readonly string[]): Answer {
  return ({ url = '' }, response) => {
    const { pathname, searchParams } = new URL(url, 'http://r');
    const at = Number(searchParams.get('at') ?? 0);
    const isLast = at + 1 === names.length;
    json(response, { [member]: [names[at]] }, isLast ? undefined : `${pathname}?at=${at + 1}`);
  };
}

test('tags and repositories are read page by page, without names that are none', async (t) => {
  const { tags } = await lists(t, paged('tags', ['1', 'a b', 'latest']));
  assert.deepEqual(await tags().catch((error: unknown) => error), ['1', 'latest']);
  const { repositories } = await lists(t, paged('repositories', ['team/app', 'library/x']));
  assert.deepEqual(await repositories(), ['team/app', 'library/x']);
  const odd = await lists(t, (_, response) => {
    json(response, { repositories: ['a', 'A/b', '../etc', 'a:1', 'x@sha256:1', ''] });
  });
  assert.deepEqual(await odd.repositories(), ['a']);
});

test('a repository that is not there has no tags, and a registry without a list says so', async (t) => {
  const absent: Answer = (_, response) => {
    response.writeHead(404).end();
  };
  const { tags, repositories } = await lists(t, absent);
  assert.deepEqual(await tags(), []);
  await assert.rejects(repositories(), RegistryError);
  const nothing = await lists(t, (_, response) => {
    json(response, { tags: null, repositories: null });
  });
  assert.deepEqual([await nothing.tags(), await nothing.repositories()], [[], []]);
});

test('a list that does not end, leads elsewhere or makes no sense is refused', async (t) => {
  const endless = await lists(t, (_, response) => {
    json(response, { tags: ['1'] }, '/v2/team/app/tags/list?again');
  });
  await assert.rejects(endless.tags(), /the list does not end/);
  const elsewhere = await lists(t, (_, response) => {
    json(response, { repositories: ['a'] }, 'http://elsewhere.example/v2/_catalog');
  });
  await assert.rejects(elsewhere.repositories(), /its next page is on another host, elsewhere\.example/);
  const odd = await lists(t, (_, response) => {
    json(response, { tags: 1, repositories: [1] });
  });
  await assert.rejects(odd.tags(), FormatError);
  await assert.rejects(odd.repositories(), FormatError);
});
