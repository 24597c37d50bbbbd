/** A certificate that signs itself, for a TLS server of a test. */
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { tryRun } from '../run-tool.js';

export interface Certificate {
  readonly key: Buffer;
  readonly cert: Buffer;
}

/** For 127.0.0.1 and localhost, made by openssl in `folder`. */
export async function selfSigned(folder: string): Promise<Certificate> {
  const key = join(folder, 'key.pem');
  const cert = join(folder, 'cert.pem');
  const subject = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost,IP:127.0.0.1'];
  const curve = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];
  const made = await tryRun('openssl', [
    'req',
    '-x509',
    '-days',
    '2',
    ...curve,
    ...subject,
    '-keyout',
    key,
    '-out',
    cert,
  ]);
  if (made.status !== 0) throw new Error(made.stderr);
  return { key: await readFile(key), cert: await readFile(cert) };
}

/** An authority of a test's own, and what it signs. */
export interface Authority {
  /** PEM file of its certificate. */
  readonly file: string;
  /**
   * A certificate and its key as PEM files. `names` are those of `subjectAltName`: by default it is good for a server on loopback or
   * called `registry.test`, and for a client.
   */
  issue(name: string, names?: readonly string[]): Promise<{ readonly cert: string; readonly key: string }>;
}

const NAMES: readonly string[] = ['DNS:localhost', 'DNS:registry.test', 'IP:127.0.0.1', 'IP:::1'];
const CURVE = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];

async function openssl(...args: readonly string[]): Promise<void> {
  const { status, stderr } = await tryRun('openssl', args);
  if (status !== 0) throw new Error(stderr);
}

/** Made by openssl in `folder`. */
export async function authority(folder: string): Promise<Authority> {
  const at = (name: string): string => join(folder, name);
  const file = at('authority.pem');
  const key = at('authority.key');
  const made = ['-subj', '/CN=An authority of a test', '-keyout', key, '-out', file];
  await openssl('req', '-x509', '-days', '2', ...CURVE, ...made);
  return {
    file,
    issue: async (name, alternatives = NAMES) => {
      const [request, cert, own] = [at(`${name}.csr`), at(`${name}.cert`), at(`${name}.key`)];
      await openssl('req', ...CURVE, '-subj', `/CN=${name}`, '-keyout', own, '-out', request);
      const names = at(`${name}.names`);
      await writeFile(
        names,
        alternatives.length === 0
          ? 'basicConstraints=CA:FALSE\n'
          : `subjectAltName=${alternatives.join(',')}\n`,
      );
      const signed = ['-CA', file, '-CAkey', key, '-CAcreateserial', '-extfile', names];
      await openssl('x509', '-req', '-days', '2', '-in', request, ...signed, '-out', cert);
      return { cert, key: own };
    },
  };
}
