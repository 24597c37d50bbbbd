/** Turns a failure below HTTP into a sentence and, where something can be done about it, a remedy. */
import { InterruptedError, NydusError, type NydusErrorOptions, RegistryError } from '../../errors.js';
import { errorCode, systemReason } from '../../io/system-error.js';
import type { Side } from '../../remedy.js';
import { PRIVATE_ADDRESS } from './addresses.js';
import { ProxyRefusal } from './http-tunnel.js';
import { isTransient } from './statuses.js';
import type { Redactor } from './redact.js';

export interface FailedExchange {
  /** Method and redacted URL. */
  readonly label: string;
  readonly url: URL;
  readonly proxy: URL | undefined;
  readonly redactor: Redactor;
  readonly side: Side;
  /** What the server is, such as `registry`. */
  readonly peer: string;
  readonly signal: AbortSignal | undefined;
}

/** Errors of ours, which a request's body throws, pass as they are. Throws the signal's reason once it has fired. */
export function connectionFailure(cause: unknown, failed: FailedExchange): NydusError {
  const { url, proxy, redactor, side, peer, signal } = failed;
  signal?.throwIfAborted();
  if (cause instanceof NydusError) return cause;
  const details = { cause, request: failed.label, side };
  if (proxy !== undefined && cause instanceof ProxyRefusal) {
    const { status } = cause;
    return new RegistryError(`proxy ${proxy.host} refused the way to ${url.host} (${status})`, {
      ...details,
      retryable: isTransient(status),
      remedy: status === 407 ? { kind: 'proxy-login' } : { kind: 'bypass-proxy', host: url.hostname },
    });
  }
  if (errorCode(cause) === PRIVATE_ADDRESS) return privateAddress(url, side);
  if (cause instanceof Error && cause.name === 'AbortError')
    return new InterruptedError('interrupted', { cause });
  const code = errorCode(cause) ?? '';
  const host = proxy === undefined ? url.host : `${url.host} (by way of proxy ${proxy.host})`;
  if (code === 'EPROTO' || /^ERR_SSL_(WRONG_VERSION_NUMBER|PACKET_LENGTH_TOO_LONG|HTTP_REQUEST)/.test(code)) {
    return new RegistryError(`${peer} ${host} does not speak TLS`, {
      ...details,
      remedy: { kind: 'plain-http' },
    });
  }
  if (/^ERR_SSL_|^ERR_TLS_(?!CERT)/.test(code)) {
    return new RegistryError(`${peer} ${host}: no TLS connection comes about (${code})`, {
      ...details,
      remedy: /CERTIFICATE_REQUIRED|HANDSHAKE_FAILURE|BAD_CERTIFICATE/.test(code)
        ? { kind: 'client-certificate', host: url.host }
        : undefined,
    });
  }
  if (isCertificateError(code)) {
    return new RegistryError(`${peer} ${host}: its TLS certificate is not trusted (${code})`, {
      ...details,
      remedy: isUnknownAuthority(cause)
        ? { kind: 'trust-ca' }
        : { kind: 'new-certificate', because: CERTIFICATE_FAULTS[code] ?? 'unfit' },
    });
  }
  const reason = CONNECTION_REASONS[code];
  if (reason !== undefined) {
    return new RegistryError(`${peer} ${host}: ${reason.text}`, {
      ...details,
      retryable: reason.retryable,
      ...connectionAdvice(code, url, proxy),
    });
  }
  return new RegistryError(`${peer} ${host}: ${redactor.text(systemReason(cause))}`, details);
}

/** The refusal of a host that the user has not named, and whose address only this machine or its network reaches. */
export function privateAddress({ host, hostname }: URL, side: Side): RegistryError {
  return new RegistryError(`a registry leads to ${host}, which has a private address and is refused`, {
    remedy: { kind: 'allow-host', host: hostname },
    side,
  });
}

/** True for a host that gave no answer over TLS and might give one in clear text. */
export function mayBeClearText(failure: unknown): boolean {
  // A redirect to clear text has this remedy too, and no cause: the host has answered.
  return (
    failure instanceof RegistryError && failure.remedy?.kind === 'plain-http' && failure.cause !== undefined
  );
}

function connectionAdvice(
  code: string,
  url: URL,
  proxy: URL | undefined,
): Pick<NydusErrorOptions, 'hint' | 'remedy'> {
  if (proxy !== undefined) return { remedy: { kind: 'bypass-proxy', host: url.hostname } };
  if (code === 'ENOTFOUND') return { hint: 'check how the host is spelled' };
  if (url.protocol !== 'https:' || (code !== 'ECONNREFUSED' && code !== 'UND_ERR_CONNECT_TIMEOUT')) return {};
  return { remedy: { kind: 'plain-http', triedPort: url.port === '' ? 443 : Number(url.port) } };
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
  ERR_FRAMING: { text: 'its answer is framing without content', retryable: false },
  ERR_NOTICES: { text: 'it announces an answer again and again, and gives none', retryable: false },
  UND_ERR_HEADERS_OVERFLOW: { text: 'its answer has too many headers', retryable: false },
};

/** True when the certificate was signed by an authority that is not trusted, which more authorities may change. */
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

/** Faults of a certificate that stay whichever authorities are trusted. */
const CERTIFICATE_FAULTS: Readonly<Record<string, 'expired' | 'not-yet-valid' | 'other-name'>> = {
  CERT_HAS_EXPIRED: 'expired',
  CERT_NOT_YET_VALID: 'not-yet-valid',
  ERR_TLS_CERT_ALTNAME_INVALID: 'other-name',
};

/** Codes of OpenSSL's verification, as Node names them. */
function isCertificateError(code: string): boolean {
  return /CERT|SELF_SIGNED|UNABLE_TO_(VERIFY|GET_ISSUER)/.test(code);
}
