/** The client of upstream's endpoints, for `accelctl`. Any status from 400 on is a failure. */
import { jsonObject } from './json-object.js';
import { request } from 'node:http';
import * as v from 'valibot';
import { FormatError, RegistryError } from '../errors.js';
import { systemReason } from '../io/system-error.js';

/** A task as upstream's endpoints list it. */
const TASKS = v.nullable(
  v.array(
    jsonObject({
      id: v.string(),
      created: v.string(),
      status: v.string(),
      source: v.string(),
      reason: v.optional(v.string(), ''),
    }),
  ),
);
const REFUSAL = jsonObject({ message: v.string() });

export type ListedTask = NonNullable<v.InferOutput<typeof TASKS>>[number];

/** A conversion may take long. */
const TIMEOUT_MS = 3_600_000;
const MAX_ANSWER = 256 << 20;
const PATH = '/api/v1/conversions';

/** Throws RegistryError with the service's sentence. */
export async function createTask(
  address: string,
  source: string,
  isSync: boolean,
  signal: AbortSignal,
): Promise<void> {
  const body = JSON.stringify({
    type: 'PUSH_ARTIFACT',
    event_data: { resources: [{ resource_url: source }] },
  });
  await ask(address, 'POST', `${PATH}?sync=${isSync}`, body, signal);
}

/** Throws RegistryError, and FormatError for an answer that is no list. */
export async function listTasks(address: string, signal: AbortSignal): Promise<readonly ListedTask[]> {
  const text = await ask(address, 'GET', PATH, undefined, signal);
  try {
    return v.parse(TASKS, JSON.parse(text)) ?? [];
  } catch (cause) {
    throw new FormatError('decode response: the answer is no list of tasks', { cause });
  }
}

async function ask(
  address: string,
  method: 'GET' | 'POST',
  path: string,
  body: string | undefined,
  signal: AbortSignal,
): Promise<string> {
  const { status, text } = await new Promise<{ readonly status: number; readonly text: string }>(
    (resolve, reject) => {
      const failed = (cause: unknown): void => {
        reject(new RegistryError(`do http request: ${address}: ${systemReason(cause)}`, { cause }));
      };
      let sent;
      try {
        sent = request(`http://${address}${path}`, {
          method,
          signal,
          timeout: TIMEOUT_MS,
          headers: { 'content-type': 'application/json' },
        });
      } catch (cause) {
        failed(cause);
        return;
      }
      sent.once('error', failed);
      sent.once('timeout', () => sent.destroy(new Error('no answer within an hour')));
      sent.once('response', (response) => {
        const parts: Buffer[] = [];
        let length = 0;
        response.once('error', failed);
        response.on('data', (part: Buffer) => {
          length += part.length;
          if (length > MAX_ANSWER) response.destroy(new Error('the answer does not end'));
          else parts.push(part);
        });
        response.once('end', () => {
          resolve({ status: response.statusCode ?? 0, text: Buffer.concat(parts).toString('utf8') });
        });
      });
      sent.end(body);
    },
  );
  if (status >= 400) throw new RegistryError(`service response: ${sentenceIn(text, status)}`, { status });
  return text;
}

function sentenceIn(text: string, status: number): string {
  try {
    return v.parse(REFUSAL, JSON.parse(text)).message;
  } catch {
    return `status ${status}`;
  }
}
