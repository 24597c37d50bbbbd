/** The API of the service: who may ask, what bad input gets, tasks, their events, and the description that holds for all of it. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { get, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type TestContext, test } from 'node:test';
import { Validator } from '@seriousme/openapi-schema-validator';
import { openapiDocument } from '../../../src/service/http/api/openapi.js';
import { CODES } from '../../../src/service/http/errors.js';
import type { NewTask } from '../../../src/service/queue/task.js';
import { API_CONFIG, type ApiBench, apiBench, TOKENS } from '../../support/service/api-server.js';
import { OpenapiJudge } from '../../support/service/openapi-judge.js';

const TASKS = '/api/v2/tasks';
const DIGEST = `sha256:${'0'.repeat(64)}`;
const NO_TOKENS = API_CONFIG.replace(/^api:.*$/m, '');

function task(name: string, more: Partial<NewTask> = {}): NewTask {
  const source = `r.example/${name}:1`;
  const target = `${source}-nydus`;
  return {
    kind: 'convert',
    key: target,
    source,
    target,
    rule: 'suffix',
    origin: 'webhook',
    priority: 5,
    ...more,
  };
}

async function add({ queue }: ApiBench, ...tasks: readonly NewTask[]): Promise<readonly string[]> {
  return (await queue.add(tasks)).map(({ task: { id } }) => id);
}

/** Takes the next task and lets it fail. */
async function fail({ queue }: ApiBench): Promise<void> {
  const taken = await queue.take();
  assert.ok(taken);
  await queue.log(taken.id, 'converting linux/amd64');
  await queue.settle(taken.id, {
    kind: 'failed',
    error: { code: 'REGISTRY', message: 'no answer', hint: 'look at the registry' },
  });
}

test('the description is valid OpenAPI 3.1, is served, and knows every route of the server', async (t) => {
  const { ask, server } = await apiBench(t);
  const { json, status } = await ask('GET', '/openapi.json', { headers: { authorization: '' } });
  assert.equal(status, 200);
  assert.deepEqual(json, JSON.parse(JSON.stringify(openapiDocument())));
  const { valid, errors } = await new Validator().validate({ ...json });
  assert.ok(valid, JSON.stringify(errors));
  assert.equal(json['openapi'], '3.1.0');
  for (const endpoint of new OpenapiJudge(json).endpoints) {
    const [method = '', path = ''] = endpoint.split(' ');
    const url = path.replaceAll(/\{(\w+)\}/g, ':$1');
    assert.ok(server.hasRoute({ method: method, url }), endpoint);
  }
});

test('the judge of answers sees a status, a type, a member and a time that are not described', () => {
  const judge = new OpenapiJudge(openapiDocument());
  const live = {
    method: 'GET',
    path: '/api/v2/live',
    status: 200,
    type: 'application/json',
    text: '{"live":true}',
  };
  assert.deepEqual(judge.faults(live), []);
  const log = { ...live, path: `${TASKS}/1/log`, text: '{"lines":[{"time":"yesterday","text":""}]}' };
  for (const bad of [
    { ...live, status: 201 },
    { ...live, type: 'text/plain' },
    { ...live, text: '{"live":true,"more":1}' },
    { ...live, text: '{}' },
    { ...live, path: '/api/v2/alive' },
    log,
  ])
    assert.equal(judge.faults(bad).length, 1, JSON.stringify(bad));
});

test('v2 needs a token of the right scope, and gives the same answer for none as for a wrong one', async (t) => {
  const { ask } = await apiBench(t);
  const answers = await Promise.all(
    ['', 'Bearer', 'Bearer wrong', `Bearer ${TOKENS.read}x`, TOKENS.write, `Basic ${TOKENS.write}`].map(
      (authorization) => ask('GET', TASKS, { headers: { authorization } }),
    ),
  );
  for (const { status, text } of answers)
    assert.deepEqual(
      [status, JSON.parse(text)],
      [401, { code: 'ERR_UNAUTHORIZED', message: 'invalid auth config' }],
    );
  const reader = { authorization: `Bearer ${TOKENS.read}` };
  const rows = [
    ['GET', TASKS, 200],
    ['GET', '/api/v2/queue', 200],
    ['GET', `${TASKS}/none`, 404],
    ['POST', TASKS, 403],
    ['POST', `${TASKS}/none/retry`, 403],
    ['DELETE', `${TASKS}/none`, 403],
    ['POST', '/api/v2/queue/pause', 403],
    ['POST', '/api/v2/queue/resume', 403],
    ['POST', '/api/v2/gc', 403],
  ] as const;
  for (const [method, path, status] of rows)
    assert.equal((await ask(method, path, { headers: reader })).status, status, `${method} ${path}`);
});

test('probes and the description are for everybody', async (t) => {
  const { ask } = await apiBench(t);
  for (const path of ['/api/v2/live', '/api/v2/ready', '/api/v1/health', '/openapi.json'])
    assert.equal((await ask('GET', path, { headers: { authorization: '' } })).status, 200, path);
});

test('without tokens v2 is for programs of this machine alone, and not for pages that a browser shows', async (t) => {
  const { ask } = await apiBench(t, { config: NO_TOKENS });
  const from = async (
    headers: Readonly<Record<string, string>>,
    remoteAddress = '127.0.0.1',
  ): Promise<number> =>
    (
      await ask('GET', TASKS, {
        headers: { authorization: '', host: 'localhost:2077', ...headers },
        remoteAddress,
      })
    ).status;
  assert.equal(await from({}), 200);
  assert.equal(await from({}, '::1'), 200);
  assert.equal(await from({}, '::ffff:127.0.0.1'), 200);
  assert.equal(await from({ host: '127.0.0.1:2077' }), 200);
  assert.equal(await from({ origin: 'http://localhost:2077', 'sec-fetch-site': 'same-origin' }), 200);
  for (const address of ['10.0.0.1', '::ffff:10.0.0.1', '128.0.0.1', 'fe80::1'])
    assert.equal(await from({}, address), 403, address);
  for (const header of ['x-forwarded-for', 'forwarded', 'x-real-ip', 'via', 'x-forwarded-host'])
    assert.equal(await from({ [header]: '127.0.0.1' }), 403, header);
  for (const host of ['attacker.example', 'localhost.attacker.example:2077', '127.0.0.1.attacker.example'])
    assert.equal(await from({ host }), 403, `a name that points here: ${host}`);
  assert.equal(await from({ origin: 'https://attacker.example' }), 403);
  assert.equal(await from({ 'sec-fetch-site': 'cross-site' }), 403);
  assert.equal(await from({ 'sec-fetch-site': 'same-site' }), 403);
});

test('over a Unix socket nothing is asked', async (t) => {
  const { ask } = await apiBench(t, {
    isSocket: true,
    config: API_CONFIG.replace('r.example: {}', 'r.example: { webhook: { auth_header: secret } }'),
  });
  const headers = { authorization: '' };
  assert.equal((await ask('GET', TASKS, { headers })).status, 200);
  assert.equal((await ask('GET', '/api/v1/conversions', { headers })).status, 200);
  const push = { type: 'PUSH_ARTIFACT', event_data: { resources: [{ resource_url: 'r.example/a:1' }] } };
  assert.equal((await ask('POST', '/api/v1/conversions', { headers, body: push })).status, 200);
});

test('a token that is removed from the configuration opens nothing from then on', async (t) => {
  const { ask, setConfig } = await apiBench(t);
  assert.equal((await ask('GET', TASKS)).status, 200);
  setConfig(API_CONFIG.replace(TOKENS.write, 'another-token'));
  assert.equal((await ask('GET', TASKS)).status, 401);
});

test('what bad input gets: the status, and the member in the message', async (t) => {
  const { ask, queue } = await apiBench(t);
  const rows: readonly (readonly [
    method: 'GET' | 'POST',
    path: string,
    body: string | object | undefined,
    status: number,
    text: RegExp,
  ])[] = [
    ['GET', `${TASKS}?limit=0`, undefined, 400, /limit: a number from 1 to 1000/],
    ['GET', `${TASKS}?limit=1001`, undefined, 400, /limit/],
    ['GET', `${TASKS}?limit=1&limit=2`, undefined, 400, /limit/],
    ['GET', `${TASKS}?state=done`, undefined, 400, /state: one or more of waiting/],
    ['GET', `${TASKS}?origin=me`, undefined, 400, /origin/],
    ['GET', `${TASKS}?cursor=-1`, undefined, 400, /cursor/],
    ['GET', `${TASKS}?staet=failed`, undefined, 400, /staet/],
    ['GET', '/api/v2/events?all=1', undefined, 400, /all/],
    ['POST', TASKS, undefined, 400, /ERR_ILLEGAL_PARAMETER/],
    ['POST', TASKS, '{', 400, /the body is no JSON/],
    ['POST', TASKS, `${'['.repeat(5000)}${']'.repeat(5000)}`, 400, /the body is no JSON/],
    ['POST', TASKS, '"r.example/a:1"', 400, /ERR_ILLEGAL_PARAMETER/],
    ['POST', TASKS, {}, 400, /source/],
    ['POST', TASKS, { source: 1 }, 400, /source/],
    ['POST', TASKS, { source: 'r.example/A:1' }, 400, /source: /],
    ['POST', TASKS, { source: 'r.example/a:1', forse: true }, 400, /forse/],
    ['POST', TASKS, { source: 'r.example/a:1', force: 'yes' }, 400, /force/],
    ['POST', TASKS, { source: 'r.example/a:1', priority: 101 }, 400, /priority/],
    ['POST', TASKS, { source: 'r.example/a:1', priority: 1.5 }, 400, /priority/],
    ['POST', TASKS, { source: 'r.example/a:1', rule: 'none' }, 400, /rule: /],
    ['POST', TASKS, { source: 'r.example/a:1', target: 'r.example/A' }, 400, /target: /],
    ['POST', TASKS, { source: 'r.example/a:1', target: `r.example/b:1@${DIGEST}` }, 400, /target: a digest/],
    [
      'POST',
      TASKS,
      { source: 'r.example/a:1', target: 'r.example/a:1' },
      400,
      /the result would be the image itself/,
    ],
    ['POST', TASKS, { source: `r.example/a@${DIGEST}`, target: 'r.example/b:1' }, 400, /target: /],
    [
      'POST',
      TASKS,
      { source: 'elsewhere.example/a:1' },
      403,
      /elsewhere\.example is not in provider\.source/,
    ],
    [
      'POST',
      TASKS,
      { source: 'r.example/a:1', target: 'elsewhere.example/a:1' },
      403,
      /target: elsewhere\.example/,
    ],
    ['POST', TASKS, 'x'.repeat(2 << 20), 413, /ERR_TOO_LARGE/],
    ['GET', `${TASKS}/none`, undefined, 404, /ERR_NOT_FOUND/],
    ['GET', `${TASKS}/none/log`, undefined, 404, /ERR_NOT_FOUND/],
    ['POST', `${TASKS}/none/retry`, undefined, 404, /ERR_NOT_FOUND/],
    ['GET', `${TASKS}/`, undefined, 404, /ERR_/],
    ['GET', '/api/v2', undefined, 404, /ERR_INVALID_ENDPOINT/],
    ['POST', '/api/v2/queue', undefined, 404, /ERR_INVALID_ENDPOINT/],
    ['GET', '/api/v2/gc', undefined, 404, /ERR_INVALID_ENDPOINT/],
  ];
  for (const [method, path, body, status, text] of rows) {
    const answer = await ask(method, path, body === undefined ? {} : { body });
    const shown = `${method} ${path} ${(JSON.stringify(body) as string | undefined)?.slice(0, 80) ?? ''}`;
    assert.equal(answer.status, status, `${shown}: ${answer.text}`);
    assert.match(answer.text, text, shown);
    assert.equal(CODES[answer.json['code'] as keyof typeof CODES].status, status, shown);
  }
  const typed = await ask('POST', TASKS, {
    body: { source: 'r.example/a:1' },
    headers: { 'content-type': 'text/plain' },
  });
  assert.equal(typed.status, 400, 'a form of another page can send no JSON');
  assert.deepEqual((await queue.list({ limit: 10 })).tasks, []);
});

test('too many requests are 429, and a queue that is full is 503 with the time to wait', async (t) => {
  t.mock.method(performance, 'now', () => 1);
  const { ask } = await apiBench(t, { maxWaiting: 1 });
  await ask('POST', TASKS, { body: { source: 'r.example/a:1' } });
  const full = await ask('POST', TASKS, { body: { source: 'r.example/b:1' } });
  assert.deepEqual(
    [full.status, full.json['code'], full.headers['retry-after']],
    [503, 'ERR_UNAVAILABLE', '30'],
  );
  const many = await Promise.all(Array.from({ length: 1010 }, () => ask('GET', `${TASKS}/none`)));
  assert.deepEqual(new Set(many.map(({ status }) => status)), new Set([404, 429]));
});

test('a task is created, joined, and has a place', async (t) => {
  const { ask, queue } = await apiBench(t);
  const first = await ask('POST', TASKS, { body: { source: 'r.example/a:1' } });
  assert.equal(first.status, 201);
  const { id } = first.json;
  assert.equal(first.headers['location'], `${TASKS}/${String(id)}`);
  const { created, ...rest } = first.json;
  assert.ok(Math.abs(Date.parse(String(created)) - Date.now()) < 60_000);
  assert.deepEqual(rest, {
    id,
    kind: 'convert',
    source: 'r.example/a:1',
    target: 'r.example/a:1-nydus',
    rule: 'suffix',
    origin: 'hand',
    priority: 1,
    state: 'waiting',
    reason: '',
    attempts: 0,
    started: null,
    finished: null,
    next_attempt: null,
    source_digest: null,
    target_digest: null,
    source_size: null,
    target_size: null,
    progress: null,
    error: null,
  });
  const again = await ask('POST', TASKS, { body: { source: 'r.example/a:1', force: true, priority: 0 } });
  assert.deepEqual([again.status, again.json['id'], again.json['priority']], [200, id, 0]);
  assert.equal((await queue.get(String(id)))?.force, true);
  assert.deepEqual((await ask('GET', `${TASKS}/${String(id)}`)).json, again.json);
});

test('a rule and a target that are named go before what the rules say; what needs no work is skipped', async (t) => {
  const { ask } = await apiBench(t);
  const made = async (body: object): Promise<readonly unknown[]> => {
    const { json, text } = await ask('POST', TASKS, { body });
    assert.ok('state' in json, text);
    return [json['kind'], json['target'], json['rule'], json['state']];
  };
  const source = 'r.example/a:1';
  assert.deepEqual(await made({ source, rule: 'moved' }), [
    'convert',
    'r.example/accel/a:1',
    'moved',
    'waiting',
  ]);
  const target = 'other.example/b:2';
  assert.deepEqual(await made({ source, target }), ['convert', target, 'suffix', 'waiting']);
  assert.deepEqual(await made({ source, target: 'r.example/c:1', rule: 'moved' }), [
    'convert',
    'r.example/c:1',
    'moved',
    'waiting',
  ]);
  assert.deepEqual(await made({ source: 'r.example/moved/x:1' }), [
    'convert',
    'r.example/accel/x:1',
    'moved',
    'waiting',
  ]);
  assert.deepEqual(await made({ source: `r.example/a@${DIGEST}` }), ['look', null, null, 'waiting']);
  for (const own of ['r.example/a:1-nydus', 'r.example/a:nydus-cache'])
    assert.deepEqual(await made({ source: own }), ['convert', null, null, 'skipped']);
});

test('with `wait` the answer comes when the task has ended', async (t) => {
  const { ask, queue } = await apiBench(t);
  const waiting = ask('POST', TASKS, { body: { source: 'r.example/a:1', wait: true } });
  let taken;
  while ((taken = await queue.take()) === undefined) await new Promise(setImmediate);
  await queue.settle(taken.id, { kind: 'completed', targetSize: 7 });
  const { status, json } = await waiting;
  assert.deepEqual([status, json['state'], json['target_size']], [201, 'completed', 7]);
});

test('pages of tasks are newest first, are filtered, and follow one another by cursors', async (t) => {
  const bench = await apiBench(t);
  const { ask, queue } = bench;
  const names = Array.from({ length: 7 }, (_, i) => `app${i}`);
  await add(
    bench,
    ...names.map((name) => task(name)),
    task('late', { delayMs: 60_000 }),
    task('hand', { origin: 'hand' }),
  );
  await fail(bench);
  await queue.take();
  const listed = async (query: string): Promise<readonly string[]> => {
    const { json } = await ask('GET', `${TASKS}${query}`);
    return (json['tasks'] as readonly { readonly source: string }[]).map(({ source }) =>
      source.slice(10, -2),
    );
  };
  const newest = ['hand', 'late', ...names.toReversed()];
  assert.deepEqual(await listed(''), newest);
  const pages: string[] = [];
  let cursor: string | null = '';
  while (cursor !== null) {
    const at: string = cursor === '' ? '' : `&cursor=${cursor}`;
    pages.push(...(await listed(`?limit=4${at}`)));
    cursor = (await ask('GET', `${TASKS}?limit=4${at}`)).json['next'] as string | null;
  }
  assert.deepEqual(pages, newest);
  assert.deepEqual(await listed('?state=failed'), ['app0']);
  assert.deepEqual(await listed('?state=failed,active'), ['app1', 'app0']);
  assert.deepEqual(await listed('?state=delayed'), ['late']);
  assert.deepEqual(await listed('?state=completed'), []);
  assert.deepEqual(await listed('?origin=hand'), ['hand']);
  assert.deepEqual(await listed('?source=r.example/app3:1'), ['app3']);
  assert.deepEqual(await listed('?search=app3'), ['app3']);
  assert.deepEqual(await listed('?search=%25'), [], 'a wildcard of SQL is a character');
  assert.deepEqual(await listed('?search=1-nydus&limit=1'), ['hand'], 'targets are searched, too');
});

test('retry and cancel: what each state allows', async (t) => {
  const running = new Set<string>();
  const bench = await apiBench(t, { jobs: { cancel: (id) => running.has(id) } });
  const { ask, queue } = bench;
  const [failed = '', active = '', waiting = ''] = await add(
    bench,
    task('failed'),
    task('active'),
    task('waiting'),
  );
  await fail(bench);
  await queue.take();
  running.add(active);
  const shown = await ask('GET', `${TASKS}/${failed}`);
  assert.deepEqual(shown.json['error'], {
    code: 'REGISTRY',
    message: 'no answer',
    hint: 'look at the registry',
  });
  const log = await ask('GET', `${TASKS}/${failed}/log`);
  assert.deepEqual(
    (log.json['lines'] as { text: string }[]).map(({ text }) => text),
    ['converting linux/amd64'],
  );
  for (const id of [active, waiting]) {
    const { status, json } = await ask('POST', `${TASKS}/${id}/retry`);
    assert.deepEqual([status, json['code']], [409, 'ERR_CONFLICT']);
  }
  assert.equal((await ask('DELETE', `${TASKS}/${failed}`)).status, 409);
  const retried = await ask('POST', `${TASKS}/${failed}/retry`);
  assert.deepEqual([retried.status, retried.json['source']], [201, 'r.example/failed:1']);
  assert.equal(retried.headers['location'], `${TASKS}/${String(retried.json['id'])}`);
  assert.equal((await ask('POST', `${TASKS}/${failed}/retry`)).status, 200, 'the second one joins the first');
  const stopped = await ask('DELETE', `${TASKS}/${active}`);
  assert.deepEqual([stopped.status, stopped.json['state']], [202, 'active']);
  const cancelled = await ask('DELETE', `${TASKS}/${waiting}`);
  assert.deepEqual(
    [cancelled.status, cancelled.json['state'], cancelled.json['reason']],
    [200, 'cancelled', 'cancelled'],
  );
  assert.equal((await ask('DELETE', `${TASKS}/${waiting}`)).status, 409);
});

test('a task is cancelled in the moment between its queue and its attempt, too', async (t) => {
  let turns = 0;
  const { ask, queue } = await apiBench(t, { jobs: { cancel: () => ++turns > 3 } });
  const { json } = await ask('POST', '/api/v2/tasks', { body: { source: 'r.example/a:1' } });
  await queue.take();
  assert.equal((await ask('DELETE', `/api/v2/tasks/${String(json['id'])}`)).status, 202);
});

test('the state of the queue; a pause holds, and the end of it wakes the workers', async (t) => {
  let woken = 0;
  const bench = await apiBench(t, { jobs: { wake: () => woken++ } });
  const { ask, queue } = bench;
  await add(bench, task('a'), task('b'), task('late', { delayMs: 60_000 }));
  await fail(bench);
  const { json } = await ask('GET', '/api/v2/queue');
  const { oldest_seconds: oldest, ...rest } = json;
  assert.ok(Number(oldest) < 60);
  assert.deepEqual(rest, {
    waiting: 1,
    delayed: 1,
    active: 0,
    failed: 1,
    workers: 1,
    busy: 0,
    paused: false,
  });
  assert.equal((await ask('POST', '/api/v2/queue/pause')).json['paused'], true);
  assert.equal(await queue.take(), undefined);
  assert.equal((await ask('POST', '/api/v2/queue/resume')).json['paused'], false);
  assert.ok(woken > 0);
  assert.ok(await queue.take());
});

test('readiness names what is missing, and answers 503', async (t) => {
  let isAlive = true;
  let writable = true;
  const { ask, closing, queue } = await apiBench(t, {
    jobs: {
      processes: () => [{ pid: 1, isAlive, isBusy: false, jobs: 0, residentBytes: 0 }],
      isWritable: async () => writable,
    },
  });
  const ready = async (): Promise<readonly unknown[]> => {
    const { status, json } = await ask('GET', '/api/v2/ready');
    return [status, ...Object.entries(json).flatMap(([name, value]) => (value === true ? [name] : []))];
  };
  assert.deepEqual(await ready(), [200, 'ready', 'queue', 'workers', 'work_dir']);
  isAlive = false;
  assert.deepEqual(await ready(), [503, 'queue', 'work_dir']);
  isAlive = true;
  writable = false;
  assert.deepEqual(await ready(), [503, 'queue', 'workers']);
  writable = true;
  closing.abort();
  assert.deepEqual(await ready(), [503, 'queue', 'workers', 'work_dir', 'draining']);
  await queue[Symbol.asyncDispose]();
  assert.deepEqual(await ready(), [503, 'workers', 'work_dir', 'draining']);
});

test('a sweep begins when it is asked for, and requests while it waits are one', async (t) => {
  const { ask } = await apiBench(t, {
    config: `${API_CONFIG}sweeps: [{ name: nightly, cron: "0 2 * * *", host: r.example }]`,
  });
  const first = await ask('POST', '/api/v2/sweeps/nightly');
  const { kind, source, rule, target } = first.json;
  assert.deepEqual([first.status, kind, source, rule, target], [202, 'sweep', 'r.example', 'nightly', null]);
  assert.equal((await ask('POST', '/api/v2/sweeps/nightly')).json['id'], first.json['id']);
  assert.equal((await ask('POST', '/api/v2/sweeps/none')).status, 404);
});

test('garbage is removed when it is asked for', async (t) => {
  const { ask } = await apiBench(t, {
    jobs: {
      collectGarbage: async () => ({ freedBytes: 5, removedTasks: 2, keptBytes: 10, thresholdBytes: 100 }),
    },
  });
  const { status, json } = await ask('POST', '/api/v2/gc');
  assert.deepEqual(
    [status, json],
    [202, { freed_bytes: 5, removed_tasks: 2, kept_bytes: 10, threshold_bytes: 100 }],
  );
});

interface Listener {
  readonly answer: IncomingMessage;
  /** Waits until the text is as asked for, and returns it. */
  until(pattern: RegExp): Promise<string>;
}

/** Listens over a real connection. */
async function listen(
  t: TestContext,
  { server }: ApiBench,
  query = '',
  headers: Readonly<Record<string, string>> = {},
): Promise<Listener> {
  if (!server.server.listening) await server.listen({ host: '127.0.0.1', port: 0 });
  const { port } = server.server.address() as AddressInfo; // it listens on TCP
  const sent = get({
    host: '127.0.0.1',
    port,
    path: `/api/v2/events${query}`,
    headers: { authorization: `Bearer ${TOKENS.read}`, ...headers },
  });
  t.after(() => {
    sent.destroy();
  });
  const [answer] = (await once(sent, 'response')) as [IncomingMessage];
  let text = '';
  answer.on('data', (data: Buffer) => (text += data.toString()));
  return {
    answer,
    until: async (pattern) => {
      const started = Date.now();
      while (!pattern.test(text)) {
        assert.ok(Date.now() - started < 10_000, `the events stay ${text}`);
        await new Promise((resolve) => setTimeout(resolve, 5));
      }
      return text;
    },
  };
}

test('events tell of changes as they happen, go on after the last one that was seen, and say when some were missed', async (t) => {
  const bench = await apiBench(t);
  const all = await listen(t, bench);
  assert.equal(all.answer.headers['content-type'], 'text/event-stream');
  const [first = '', second = ''] = await add(bench, task('a'), task('b'));
  const text = await all.until(/"source":"r\.example\/b:1"/);
  const ids = [...text.matchAll(/^id: (.*)$/gm)].map(([, id = '']) => id);
  assert.equal(ids.length, 2);
  const one = await listen(t, bench, `?task=${second}`);
  await fail(bench);
  await all.until(/"state":"failed"/);
  const later = await listen(t, bench, '', { 'last-event-id': ids[1] ?? '' });
  const missed = await later.until(/"state":"failed"/);
  assert.ok(
    !missed.includes('"state":"waiting"') && missed.includes(first),
    'what was seen is not told again',
  );
  const lost = await listen(t, bench, '', { 'last-event-id': 'another-run-7' });
  await lost.until(/event: reset/);
  await bench.queue.take();
  const own = await one.until(/"state":"active"/);
  assert.ok(!own.includes(first), 'only the task that was asked for');
});

test('listeners are let go when the service stops, and too many are refused', async (t) => {
  const bench = await apiBench(t);
  const listeners = await Promise.all(Array.from({ length: 200 }, () => listen(t, bench)));
  const { answer } = await listen(t, bench);
  assert.equal(answer.statusCode, 429);
  const ended = Promise.all(listeners.map(({ answer: one }) => once(one, 'end')));
  bench.closing.abort();
  await ended;
});

test('a request bears the trace of its sender into the task, if that is one', async (t) => {
  const { ask, queue } = await apiBench(t);
  const traceparent = `00-${'a'.repeat(32)}-${'b'.repeat(16)}-01`;
  const traced = await ask('POST', TASKS, { body: { source: 'r.example/a:1' }, headers: { traceparent } });
  assert.equal((await queue.get(String(traced.json['id'])))?.trace, traceparent);
  const odd = await ask('POST', TASKS, { body: { source: 'r.example/b:1' }, headers: { traceparent: 'x' } });
  assert.equal((await queue.get(String(odd.json['id'])))?.trace, undefined);
});
