/** The trace that a request belongs to, as W3C's header has it. */
import type { FastifyRequest } from 'fastify';

/** The form is checked, since the content is the sender's to choose. */
const TRACE = /^[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$/;

export function traceOf({ headers }: FastifyRequest): string | undefined {
  const { traceparent } = headers;
  return typeof traceparent === 'string' && TRACE.test(traceparent) ? traceparent : undefined;
}
