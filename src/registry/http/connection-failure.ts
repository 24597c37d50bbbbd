/** What went wrong below HTTP, as a sentence and, where the user can do something, a hint. */
import { InterruptedError, NydusError, RegistryError } from '../../errors.js';
import { interrupted } from '../../io/retry.js';
import { errorCode, systemReason } from '../../io/scratch.js';
import type { Redactor } from './redact.js';

export interface FailedExchange {
  /** Method and redacted URL. */
  readonly label: string;
  readonly url: URL;
  readonly proxy: URL | undefined;
  readonly redactor: Redactor;
  /** For hints: the flag that does without verification. */
  readonly insecureFlag: string;
  readonly signal: AbortSignal | undefined;
}

/** Errors of ours, thrown by a request's body, pass as they are. */
export function connectionFailure(cause: unknown, failed: FailedExchange): NydusError {
  const { url, proxy, redactor, insecureFlag, signal } = failed;
  if (cause instanceof NydusError) return cause;
  if (signal?.aborted === true) return interrupted(signal);
  const details = { cause, request: failed.label };
  const refusedByProxy = proxyRefusal(cause);
  if (proxy !== undefined && refusedByProxy !== undefined) {
    return new RegistryError(`proxy ${proxy.host} refused the way to ${url.host} (${refusedByProxy})`, {
      ...details,
      retryable: refusedByProxy >= 500,
      hint:
        refusedByProxy === 407
          ? 'it asks for a login: HTTPS_PROXY=http://USER:PASSWORD@HOST:PORT'
          : `to go without it, add ${url.hostname} to NO_PROXY`,
    });
  }
  if (cause instanceof Error && cause.name === 'AbortError')
    return new InterruptedError('interrupted', { cause });
  const code = errorCode(cause) ?? '';
  const host = proxy === undefined ? url.host : `${url.host} (by way of proxy ${proxy.host})`;
  if (code === 'EPROTO' || /^ERR_SSL_(WRONG_VERSION_NUMBER|PACKET_LENGTH_TOO_LONG|HTTP_REQUEST)/.test(code)) {
    return new RegistryError(`registry ${host} does not speak TLS`, {
      ...details,
      hint: 'if it is meant to be reached without encryption, add --plain-http',
    });
  }
  if (/^ERR_SSL_|^ERR_TLS_(?!CERT)/.test(code)) {
    return new RegistryError(`registry ${host}: no TLS connection comes about (${code})`, {
      ...details,
      hint: /CERTIFICATE_REQUIRED|HANDSHAKE_FAILURE|BAD_CERTIFICATE/.test(code)
        ? `it may ask for a client certificate: put NAME.cert and NAME.key into certs.d/${url.host}`
        : undefined,
    });
  }
  if (isCertificateError(code)) {
    return new RegistryError(`registry ${host}: its TLS certificate is not trusted (${code})`, {
      ...details,
      hint: `name the authority that signed it with --ca FILE; to trust it all the same, add ${insecureFlag}`,
    });
  }
  const reason = CONNECTION_REASONS[code];
  if (reason !== undefined) {
    return new RegistryError(`registry ${host}: ${reason.text}`, {
      ...details,
      retryable: reason.retryable,
      hint: connectionHint(code, url, proxy),
    });
  }
  return new RegistryError(`registry ${host}: ${redactor.text(systemReason(cause))}`, details);
}

function connectionHint(code: string, url: URL, proxy: URL | undefined): string | undefined {
  if (proxy !== undefined) return `to go without the proxy, add ${url.hostname} to NO_PROXY`;
  if (code === 'ENOTFOUND') return 'check how the host is spelled';
  if (url.protocol !== 'https:' || (code !== 'ECONNREFUSED' && code !== 'UND_ERR_CONNECT_TIMEOUT'))
    return undefined;
  return `it was tried with HTTPS on port ${url.port === '' ? 443 : url.port}; for a registry without TLS add --plain-http`;
}

/** The status by which a proxy refused a tunnel: undici has it in the text of an error that else means an interruption. */
function proxyRefusal(cause: unknown): number | undefined {
  const status = cause instanceof Error ? /^Proxy response \((\d{3})\)/.exec(cause.message)?.[1] : undefined;
  return status === undefined ? undefined : Number(status);
}

const CONNECTION_REASONS: Readonly<Record<string, { readonly text: string; readonly retryable: boolean }>> = {
  ECONNREFUSED: { text: 'connection refused', retryable: true },
  ECONNRESET: { text: 'the connection was reset', retryable: true },
  EPIPE: { text: 'the connection was closed while sending', retryable: true },
  ETIMEDOUT: { text: 'the connection timed out', retryable: true },
  EHOSTUNREACH: { text: 'the host cannot be reached', retryable: true },
  ENETUNREACH: { text: 'the network cannot be reached', retryable: true },
  EAI_AGAIN: { text: 'its name cannot be looked up at the moment', retryable: true },
  ENOTFOUND: { text: 'no host has this name', retryable: false },
  UND_ERR_CONNECT_TIMEOUT: { text: 'the connection timed out', retryable: true },
  UND_ERR_HEADERS_TIMEOUT: { text: 'no answer in time', retryable: true },
  UND_ERR_BODY_TIMEOUT: { text: 'it stopped sending', retryable: true },
  UND_ERR_SOCKET: { text: 'the connection was closed', retryable: true },
  UND_ERR_HEADERS_OVERFLOW: { text: 'its answer has too many headers', retryable: false },
};

/** True when more authorities might have known the one that signed a certificate. */
export function isUnknownAuthority(cause: unknown): boolean {
  return UNKNOWN_AUTHORITY.has(errorCode(cause) ?? '');
}

const UNKNOWN_AUTHORITY = new Set([
  'DEPTH_ZERO_SELF_SIGNED_CERT',
  'SELF_SIGNED_CERT_IN_CHAIN',
  'UNABLE_TO_GET_ISSUER_CERT',
  'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
]);

/** Codes of OpenSSL's verification, as Node names them. */
function isCertificateError(code: string): boolean {
  return /CERT|SELF_SIGNED|UNABLE_TO_(VERIFY|GET_ISSUER)/.test(code);
}
