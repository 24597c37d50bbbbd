/** The page at `/ui`: every answer is whole HTML; forms change things, and are taken from this page alone. */
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { NydusError } from '../../errors.js';
import { isOwnOrigin, scopeOf, unauthorized } from '../http/access.js';
import { bodyBytes, mediaType } from '../http/body.js';
import { ApiError, CODES } from '../http/errors.js';
import { sendEvents } from '../http/event-stream.js';
import type { EventHub } from '../http/events.js';
import type { ApiParts } from '../http/parts.js';
import { cancelTask, existing, queueState, retryTask, setPaused } from '../http/task-verbs.js';
import { TokenBucket } from '../http/token-bucket.js';
import { TASK_STATES } from '../queue/task.js';
import { faultPage, loginPage, queuePage, tasksPage } from './pages.js';
import { SCRIPT } from './script.js';
import { ICON, STYLE } from './style.js';
import { taskPage } from './task-page.js';
import { cookieHeader, hasProof, type Session, Sessions, type Viewer, viewerOf } from './viewer.js';

const PAGE = 50;
/** Wrong tokens; a right one is let in even while others guess. */
const GUESSES_PER_SECOND = 2;
const GUESS_BURST = 20;

const HEADERS = {
  'content-security-policy':
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'same-origin',
  'cross-origin-opener-policy': 'same-origin',
  'cache-control': 'no-store',
} as const;

const ASSETS = {
  '/ui/style.css': ['text/css; charset=utf-8', STYLE],
  '/ui/live.js': ['text/javascript; charset=utf-8', SCRIPT],
  '/ui/icon.svg': ['image/svg+xml', ICON],
} as const;

/** HTML, or another page to go to. */
type Answer =
  | { readonly html: string; readonly status?: number }
  | {
      readonly to: string;
      /** Begins or ends a session. */
      readonly session?: Session | 'none';
    };

export function addUi(server: FastifyInstance, parts: ApiParts, hub: EventHub): void {
  const sessions = new Sessions();
  const guesses = new TokenBucket(GUESSES_PER_SECOND, GUESS_BURST);
  const { queue, jobs } = parts;

  const route = (
    method: 'GET' | 'POST',
    url: string,
    answer: (request: FastifyRequest) => Promise<Answer> | Answer,
  ): void => {
    server.route({
      method,
      url,
      handler: async (request, reply) => {
        const made = await answered(request, answer);
        reply.headers(HEADERS);
        if ('html' in made)
          return reply
            .code(made.status ?? 200)
            .type('text/html; charset=utf-8')
            .send(made.html);
        if (made.session !== undefined)
          reply.header('set-cookie', cookieHeader(made.session, request.protocol === 'https'));
        return reply.redirect(made.to, 303);
      },
    });
  };

  /** Failures are pages, too. */
  async function answered(
    request: FastifyRequest,
    answer: (request: FastifyRequest) => Promise<Answer> | Answer,
  ): Promise<Answer> {
    try {
      return await answer(request);
    } catch (error) {
      if (!(error instanceof ApiError) && !(error instanceof NydusError)) throw error;
      const { status } = CODES[error instanceof ApiError ? error.code : 'ERR_UNAVAILABLE'];
      return { status, html: faultPage(viewerOf(request, parts, sessions), error.message) };
    }
  }

  /** A page that needs a viewer; others are sent to the login. */
  const show = (url: string, make: (request: FastifyRequest, viewer: Viewer) => Promise<string>): void => {
    route('GET', url, async (request) => {
      const viewer = viewerOf(request, parts, sessions);
      if (viewer !== undefined) return { html: await make(request, viewer) };
      if (parts.config().settings.api.tokens.length === 0)
        throw new ApiError('ERR_FORBIDDEN', 'Without api.tokens this page is for this machine alone.');
      return { to: `/ui/login?to=${encodeURIComponent(request.url)}` };
    });
  };

  /** A form of a viewer who may change things; it leads to the path that `act` returns. */
  const change = (url: string, act: (id: string) => Promise<string>): void => {
    route('POST', url, async (request) => {
      demandForm(request, sessions);
      const viewer = viewerOf(request, parts, sessions);
      if (viewer?.session === undefined) throw new ApiError('ERR_UNAUTHORIZED', 'Log in first.');
      if (viewer.scope !== 'write') throw new ApiError('ERR_FORBIDDEN', 'Your token may only read.');
      return { to: await act(idOf(request)) };
    });
  };

  for (const [path, [type, text]] of Object.entries(ASSETS))
    server.get(path, (_, reply) =>
      reply
        .headers({ ...HEADERS, 'cache-control': 'no-cache' })
        .type(type)
        .send(text),
    );

  show('/ui', async (request, viewer) => {
    const { state: given = '', search = '', cursor = '' } = words(request);
    const state = TASK_STATES.find((one) => one === given);
    const found = await queue.list({
      ...(state === undefined ? {} : { states: [state] }),
      ...(search === '' ? {} : { search }),
      ...(/^\d{1,15}$/.test(cursor) ? { cursor } : {}),
      limit: PAGE,
    });
    return tasksPage(viewer, { state: state ?? '', search, cursor }, found);
  });
  show('/ui/tasks/:id', async (request, viewer) => {
    const task = await existing(idOf(request), parts);
    const rule = parts.config().rules.rules.find(({ name }) => name === task.rule);
    const isReferrer = rule?.driver.options.withReferrer === true;
    return taskPage(viewer, { task, lines: await queue.lines(task.id), isReferrer });
  });
  show('/ui/queue', async (_, viewer) => queuePage(viewer, await queueState(parts), jobs.processes()));
  server.get('/ui/events', (request, reply) => {
    const demand = (): void => {
      if (viewerOf(request, parts, sessions) === undefined) throw unauthorized();
    };
    demand();
    const { task } = words(request);
    return sendEvents(request, reply.headers(HEADERS), { hub, closing: parts.closing, task, demand });
  });

  change('/ui/tasks/:id/retry', async (id) => `/ui/tasks/${(await retryTask(id, parts)).task.id}`);
  change('/ui/tasks/:id/cancel', async (id) => `/ui/tasks/${(await cancelTask(id, parts)).id}`);
  const toQueue = '/ui/queue';
  change('/ui/queue/pause', () => setPaused(true, parts).then(() => toQueue));
  change('/ui/queue/resume', () => setPaused(false, parts).then(() => toQueue));
  change('/ui/queue/gc', () => jobs.collectGarbage().then(() => toQueue));

  route('GET', '/ui/login', (request) => ({ html: loginPage(pathOf(words(request)['to'])) }));
  route('POST', '/ui/login', (request) => {
    const form = formOf(request);
    const to = pathOf(form.get('to') ?? undefined);
    const token = form.get('token') ?? '';
    if (scopeOf(parts.config(), token) !== undefined) return { to, session: sessions.open(token) };
    if (!guesses.take()) throw new ApiError('ERR_BUSY', 'Too many wrong tokens; try again in a moment.');
    parts.log.warn('a login with a wrong token', { from: request.ip });
    const { status } = CODES.ERR_UNAUTHORIZED;
    return { status, html: loginPage(to, 'That is no token of this service.') };
  });
  route('POST', '/ui/logout', (request) => {
    sessions.close(demandForm(request, sessions).id);
    return { to: '/ui', session: 'none' };
  });
}

/** The fields of a form that this page has sent. Throws ApiError for any other. */
function formOf(request: FastifyRequest): URLSearchParams {
  if (!isOwnOrigin(request)) throw new ApiError('ERR_FORBIDDEN', 'That form is of another page.');
  if (mediaType(request) !== 'application/x-www-form-urlencoded')
    throw new ApiError('ERR_ILLEGAL_PARAMETER', 'That is no form of this page.');
  return new URLSearchParams(bodyBytes(request).toString('utf8'));
}

/** Throws ApiError unless the form bears the proof of the session. */
function demandForm(request: FastifyRequest, sessions: Sessions): Session {
  const form = formOf(request);
  const session = sessions.of(request);
  if (session === undefined) throw new ApiError('ERR_UNAUTHORIZED', 'Log in first.');
  if (!hasProof(session, form.get('csrf')))
    throw new ApiError('ERR_FORBIDDEN', 'That form is too old: load the page again.');
  return session;
}

/** Where a login leads: to a page of ours, whatever the address says. */
function pathOf(to: string | undefined): string {
  return to !== undefined && /^\/ui(?:\/[A-Za-z0-9/-]*)?(?:\?[\x21-\x7e]*)?$/.test(to) ? to : '/ui';
}

function words({ query }: FastifyRequest): Readonly<Record<string, string>> {
  const given = query as Readonly<Record<string, unknown>>;
  return Object.fromEntries(
    Object.entries(given).filter((one): one is [string, string] => typeof one[1] === 'string'),
  );
}

function idOf({ params }: FastifyRequest): string {
  return (params as { readonly id?: string }).id ?? ''; // paths without one need none
}
