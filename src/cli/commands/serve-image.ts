/** `nydusify serve REF`: the files of an image over HTTP and WebDAV, until a signal stops it. */
import { randomBytes } from 'node:crypto';
import { LocalIoError, UsageError } from '../../errors.js';
import { readSmallFile } from '../../io/file-range.js';
import { isLoopback, splitHost } from '../../registry/http/hosts.js';
import { type Answered, ImageServer } from '../../serve/server.js';
import type { CommandCall } from '../command.js';
import { DEFAULT_LISTEN } from '../flags/serve.js';
import { printLine } from '../text/print.js';
import { formatMs } from '../text/units.js';
import { Looking } from './look.js';

/** Characters of a token: fewer could be guessed. */
const SHORTEST_TOKEN = 16;
const LONGEST_TOKEN = 1024;
const TOKEN_BYTES = 24;
/** Characters of a request's target in a line of the log. */
const SHOWN_TARGET = 500;
const MAX_PORT = 65_535;

/** Returns when the server has stopped. */
export async function serveImage(call: CommandCall, location: string): Promise<void> {
  const { flags, context } = call;
  const { host, port } = listenAddress(flags.text('listen') ?? DEFAULT_LISTEN);
  const isLocal = isLoopback(host.includes(':') ? `[${host}]` : host);
  const tokenFile = flags.text('token-file');
  const given = tokenFile === undefined ? undefined : await readToken(tokenFile);
  const token = given ?? (isLocal ? undefined : randomBytes(TOKEN_BYTES).toString('base64url'));
  await using looking = new Looking(call);
  const filesystem = await looking.chunked(location);
  const onAnswer = (answer: Answered): void => {
    if (!call.log.quiet) printLine(context.stderr, accessLine(answer));
  };
  await using server = await ImageServer.start(filesystem, { host, port, token, onAnswer }, looking.call);
  printLine(context.stdout, server.address);
  // A log file keeps no secret, so the token goes where the address goes.
  if (token !== given) printLine(context.stdout, `token: ${token}`);
  if (!isLocal)
    looking.warn(
      'files and token cross the network in clear text: between machines, use a proxy with TLS or an SSH tunnel',
    );
  await new Promise<void>((resolve) => {
    const stop = (): void => {
      resolve();
    };
    context.signal.addEventListener('abort', stop, { once: true });
    // A terminal that is closed takes its server along.
    context.takeSignals?.({ stop, reload: stop });
  });
}

/** Throws UsageError. */
function listenAddress(text: string): { readonly host: string; readonly port: number } {
  const { name, port } = splitHost(/^\d+$/.test(text) ? `:${text}` : text);
  if (port === undefined || port > MAX_PORT)
    throw new UsageError(`--listen ${text}: it says no port`, { hint: 'such as 127.0.0.1:8000 or [::1]:0' });
  return { host: name === '' ? '127.0.0.1' : name, port };
}

async function readToken(path: string): Promise<string> {
  const token = (await readSmallFile(path, LONGEST_TOKEN)).toString('utf8').trim();
  if (/^[\x21-\x7e]+$/.test(token) && token.length >= SHORTEST_TOKEN) return token;
  throw new LocalIoError(`${path} holds no token`, {
    hint: `a token is one line of at least ${SHORTEST_TOKEN} characters without spaces: openssl rand -hex 24`,
  });
}

/** What clients send is shown escaped, by `printLine`. */
function accessLine({ client, method, target, status, bytes, milliseconds, failure }: Answered): string {
  const shown = target.length > SHOWN_TARGET ? `${target.slice(0, SHOWN_TARGET)}…` : target;
  const line = `${client} ${method} ${shown} ${status} ${bytes} ${formatMs(milliseconds)}`;
  return failure === undefined ? line : `${line}: ${failure}`;
}
