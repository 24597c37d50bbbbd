/**
 * Spans, for those who run the service with OpenTelemetry: the package of its interface is looked for beside this one, and an SDK that was
 * loaded before (`node --import`) gets the spans. Without them nothing is recorded, and the trace of a sender is handed on as it came.
 */
import { createRequire } from 'node:module';
import type * as api from '@opentelemetry/api';
import { errorCode } from '../io/system-error.js';

type Api = typeof api;

export interface SpanText {
  readonly name: string;
  readonly kind?: 'server' | 'consumer';
  /** The span above, as W3C's `traceparent`. */
  readonly parent: string | undefined;
  readonly attributes?: Readonly<Record<string, string | number | boolean>>;
}

export interface OpenSpan {
  /** This span for those below, as `traceparent`; the one above where nothing is recorded. */
  readonly trace: string | undefined;
  set(attributes: NonNullable<SpanText['attributes']>): void;
  fail(message: string): void;
  end(): void;
}

let loaded: Api | 'none' | undefined;

function interfaceOf(): Api | undefined {
  if (loaded === undefined) {
    try {
      loaded = createRequire(import.meta.url)('@opentelemetry/api') as Api;
    } catch (error) {
      if (errorCode(error) !== 'MODULE_NOT_FOUND') throw error;
      loaded = 'none';
    }
  }
  return loaded === 'none' ? undefined : loaded;
}

const FORM = /^[0-9a-f]{2}-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})$/;

export function startSpan({ name, kind, parent, attributes }: SpanText): OpenSpan {
  const otel = interfaceOf();
  if (otel === undefined)
    return { trace: parent, set: () => undefined, fail: () => undefined, end: () => undefined };
  const { trace, ROOT_CONTEXT, SpanKind, SpanStatusCode } = otel;
  const [, traceId = '', spanId = '', flags = ''] = FORM.exec(parent ?? '') ?? [];
  const above =
    traceId === ''
      ? ROOT_CONTEXT
      : trace.setSpanContext(ROOT_CONTEXT, {
          traceId,
          spanId,
          traceFlags: Number.parseInt(flags, 16),
          isRemote: true,
        });
  const kinds = { server: SpanKind.SERVER, consumer: SpanKind.CONSUMER };
  const span = trace.getTracer('nydusify').startSpan(
    name,
    {
      kind: kind === undefined ? SpanKind.INTERNAL : kinds[kind],
      ...(attributes === undefined ? {} : { attributes }),
    },
    above,
  );
  const own = span.spanContext();
  return {
    trace: trace.isSpanContextValid(own)
      ? `00-${own.traceId}-${own.spanId}-${own.traceFlags.toString(16).padStart(2, '0')}`
      : parent,
    set: (more) => {
      span.setAttributes(more);
    },
    fail: (message) => {
      span.setStatus({ code: SpanStatusCode.ERROR, message });
    },
    end: () => {
      span.end();
    },
  };
}

/** Runs `work` within a span, which fails with it. */
export async function traced<T>(text: SpanText, work: (span: OpenSpan) => Promise<T>): Promise<T> {
  const span = startSpan(text);
  try {
    return await work(span);
  } catch (error) {
    span.fail(error instanceof Error ? error.message : String(error));
    throw error;
  } finally {
    span.end();
  }
}
