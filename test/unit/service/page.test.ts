/** The page of the service, by its answers: its policy, its sessions, and forms that others cannot send. */
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import {
  API_CONFIG,
  type ApiAnswer,
  type ApiBench,
  apiBench,
  TOKENS,
} from '../../support/service/api-server.js';
import { addShownTasks, HOSTILE } from '../../support/service/shown-tasks.js';

const FORM = { 'content-type': 'application/x-www-form-urlencoded' } as const;

interface Visitor {
  readonly get: (path: string) => Promise<ApiAnswer>;
  readonly post: (
    path: string,
    fields?: Readonly<Record<string, string>>,
    headers?: object,
  ) => Promise<ApiAnswer>;
  readonly csrf: string;
  readonly cookie: string;
}

function login(
  { ask }: ApiBench,
  token: string,
  more: Readonly<Record<string, string>> = {},
): Promise<ApiAnswer> {
  return ask('POST', '/ui/login', {
    headers: { authorization: '', ...FORM },
    body: new URLSearchParams({ token, ...more }).toString(),
  });
}

async function visitor(bench: ApiBench, token: string): Promise<Visitor> {
  const { headers, status } = await login(bench, token);
  assert.equal(status, 303);
  const cookie = String(headers['set-cookie']).split(';', 1)[0] ?? '';
  const get = (path: string): Promise<ApiAnswer> =>
    bench.ask('GET', path, { headers: { authorization: '', cookie } });
  const [, csrf = ''] = /name="csrf" value="([^"]+)"/.exec((await get('/ui')).text) ?? [];
  assert.notEqual(csrf, '');
  return {
    get,
    csrf,
    cookie,
    post: (path, fields = { csrf }, more = {}) =>
      bench.ask('POST', path, {
        headers: { authorization: '', cookie, ...FORM, ...more },
        body: new URLSearchParams(fields).toString(),
      }),
  };
}

async function shown(
  t: TestContext,
): Promise<
  ApiBench & { readonly paths: readonly string[]; readonly waiting: string; readonly failed: string }
> {
  const bench = await apiBench(t);
  const { good, failed, active, waiting } = await addShownTasks(bench.queue);
  const ids = [good, failed, active, waiting];
  return { ...bench, waiting, failed, paths: ['/ui', '/ui/queue', ...ids.map((id) => `/ui/tasks/${id}`)] };
}

test('every page has a policy that allows this server alone, and no markup that the policy forbids', async (t) => {
  const bench = await shown(t);
  const { get } = await visitor(bench, TOKENS.write);
  for (const path of [...bench.paths, '/ui/login', '/ui/tasks/none']) {
    const { headers, text } = await get(path);
    const policy = String(headers['content-security-policy']);
    assert.match(policy, /^default-src 'none'; script-src 'self'; style-src 'self'/);
    assert.ok(!policy.includes('unsafe'), policy);
    assert.match(policy, /frame-ancestors 'none'/);
    assert.equal(headers['x-content-type-options'], 'nosniff');
    assert.equal(headers['cache-control'], 'no-store');
    assert.doesNotMatch(
      text,
      / style=|<style| on[a-z]+=(?!alert)|javascript:|<script(?! src="\/ui\/)|https?:\/\//,
      path,
    );
    assert.ok(!text.includes('<img') && !text.includes('\u202e'), `${path}: hostile text is shown as text`);
  }
  for (const asset of ['/ui/style.css', '/ui/live.js', '/ui/icon.svg'])
    assert.equal((await bench.ask('GET', asset, { headers: { authorization: '' } })).status, 200, asset);
});

test('the session is in a cookie that scripts and other sites cannot use', async (t) => {
  const bench = await apiBench(t);
  const { headers } = await login(bench, TOKENS.write, { to: '/ui/queue' });
  assert.match(
    String(headers['set-cookie']),
    /^nydusify_session=[\w-]{43}; Path=\/ui; Max-Age=43200; HttpOnly; SameSite=Strict$/,
  );
  assert.equal(headers['location'], '/ui/queue');
});

test('a wrong token opens nothing, guesses are slowed down, and the log has no token', async (t) => {
  t.mock.method(performance, 'now', () => 1);
  const bench = await apiBench(t);
  const { status, headers, text } = await login(bench, 'a-guess');
  assert.deepEqual([status, headers['set-cookie']], [401, undefined]);
  assert.match(text, /That is no token of this service/);
  let last = status;
  for (let i = 0; i < 30; i++) last = (await login(bench, `guess ${i}`)).status;
  assert.equal(last, 429);
  assert.equal((await login(bench, TOKENS.read)).status, 303, 'a right token is let in meanwhile');
  assert.ok(!bench.log.join('\n').includes('guess'));
});

test('a login leads to a page of ours, whatever the address says', async (t) => {
  const bench = await apiBench(t);
  for (const to of [
    '//attacker.example',
    'https://attacker.example',
    '/ui\\@attacker.example',
    '/ui/\r\nx: y',
    '/other',
    '/uix',
  ])
    assert.equal((await login(bench, TOKENS.read, { to })).headers['location'], '/ui', to);
  const there = await bench.ask('GET', '/ui/tasks/1?x=%2F', { headers: { authorization: '' } });
  assert.deepEqual(
    [there.status, there.headers['location']],
    [303, '/ui/login?to=%2Fui%2Ftasks%2F1%3Fx%3D%252F'],
  );
});

test('a form needs the session, its proof, its type and this page as its origin', async (t) => {
  const bench = await shown(t);
  const { post, csrf } = await visitor(bench, TOKENS.write);
  const other = await visitor(bench, TOKENS.write);
  const cancel = `/ui/tasks/${bench.waiting}/cancel`;
  assert.equal((await post(cancel, {})).status, 403);
  assert.equal((await post(cancel, { csrf: other.csrf })).status, 403, 'the proof of another session');
  assert.equal((await post(cancel, { csrf }, { origin: 'https://attacker.example' })).status, 403);
  assert.equal((await post(cancel, { csrf }, { 'sec-fetch-site': 'cross-site' })).status, 403);
  assert.equal((await post(cancel, { csrf }, { 'content-type': 'text/plain' })).status, 400);
  assert.equal((await post(cancel, { csrf }, { cookie: '' })).status, 401);
  assert.equal((await bench.queue.get(bench.waiting))?.state, 'waiting');
  assert.equal((await post(cancel)).status, 303);
  assert.equal((await bench.queue.get(bench.waiting))?.state, 'cancelled');
  assert.equal((await post(cancel)).status, 409, 'what cannot be done is a page that says why');
});

test('a token that may only read shows no button, and its forms change nothing', async (t) => {
  const bench = await shown(t);
  const { get, post } = await visitor(bench, TOKENS.read);
  for (const path of bench.paths)
    assert.doesNotMatch((await get(path)).text, /id="(retry|cancel|pause|resume|gc)"/, path);
  for (const path of [
    `/ui/tasks/${bench.waiting}/cancel`,
    `/ui/tasks/${bench.failed}/retry`,
    '/ui/queue/pause',
    '/ui/queue/gc',
  ])
    assert.equal((await post(path)).status, 403, path);
  assert.equal((await bench.queue.get(bench.waiting))?.state, 'waiting');
});

test('a session ends with a logout, and with its token', async (t) => {
  const bench = await apiBench(t);
  const first = await visitor(bench, TOKENS.write);
  assert.equal((await first.post('/ui/logout')).headers['location'], '/ui');
  assert.equal((await first.get('/ui')).status, 303);
  const second = await visitor(bench, TOKENS.write);
  assert.equal((await second.get('/ui')).status, 200);
  bench.setConfig(API_CONFIG.replace(TOKENS.write, 'another-token'));
  assert.equal((await second.get('/ui')).status, 303);
  assert.equal((await second.get('/ui/events')).status, 401);
});

test('without tokens a program of this machine may look, and nothing else', async (t) => {
  const bench = await apiBench(t, { config: API_CONFIG.replace(/^api:.*$/m, '') });
  const { waiting } = await addShownTasks(bench.queue);
  const headers = { authorization: '' };
  const page = await bench.ask('GET', `/ui/tasks/${waiting}`, { headers });
  assert.equal(page.status, 200);
  assert.doesNotMatch(page.text, /<button/);
  assert.equal((await bench.ask('GET', '/ui', { headers, remoteAddress: '10.0.0.1' })).status, 403);
  assert.equal(
    (await bench.ask('GET', '/ui', { headers: { ...headers, host: 'attacker.example' } })).status,
    403,
  );
  const form = await bench.ask('POST', `/ui/tasks/${waiting}/cancel`, {
    headers: { ...headers, ...FORM },
    body: 'csrf=',
  });
  assert.equal(form.status, 401);
});

test('the list is filtered and paged; what is not a state or a cursor has no effect', async (t) => {
  const bench = await shown(t);
  const { get } = await visitor(bench, TOKENS.read);
  const listed = async (query: string): Promise<number> =>
    (await get(`/ui${query}`)).text.match(/<li class="card">/g)?.length ?? 0;
  assert.equal(await listed(''), 7);
  assert.equal(await listed('?state=failed'), 1);
  assert.equal(await listed('?search=cron'), 1);
  assert.equal(await listed('?state=nothing&cursor=x'), 7);
  assert.match((await get('/ui?search=none')).text, /No task is like that/);
  for (let i = 0; i < 60; i++)
    await bench.queue.record(
      {
        kind: 'convert',
        key: `k${i}`,
        source: `r.example/more:${i}`,
        target: '',
        rule: '',
        origin: 'hand',
        priority: 5,
      },
      HOSTILE,
    );
  const first = (await get('/ui?search=r.example')).text;
  const [, older = ''] = /id="older" href="([^"]+)"/.exec(first) ?? [];
  const next = await get(older.replaceAll('&amp;', '&'));
  assert.equal(await listed('?search=r.example'), 50);
  assert.equal(next.text.match(/<li class="card">/g)?.length, 17);
  assert.match(next.text, /id="newest" href="\/ui\?search=r\.example"/);
});
