/** A certificate that signs itself, for a TLS server of a test. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { tryRun } from './tools.js';

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
