/**
 * `checkImage` answers whether the target is a sound Nydus image, and the one that the source asks for. It runs every
 * rule on every platform and on both halves of a merged index, needs neither root nor mount nor daemon, and collects
 * all findings.
 */
import { UnsupportedError } from '../errors.js';
import { underSignal } from '../io/abort.js';
import { withBudget } from '../native/budget.js';
import { allPlatforms } from '../oci/platform.js';
import type { CallOptions } from '../reporter.js';
import { replayClients } from './client-tables.js';
import { KeptDocuments } from './kept-documents.js';
import type { CheckImages, CheckOptions } from './options.js';
import { checkReference } from './reference.js';
import type { Finding } from './finding.js';
import type { CheckResult } from './result.js';
import { CheckRun } from './run.js';
import { loadSources, loadSubject, type ReferenceSubject } from './subject.js';

/**
 * Throws only when a rule could not look (no network, no permission), when no image is of a kind that can be read, and when the
 * signal fires.
 */
export async function checkImage(
  images: CheckImages,
  options: CheckOptions = {},
  call: CallOptions = {},
): Promise<CheckResult> {
  return underSignal(call.signal, () => check(images, options, withBudget(call)));
}

async function check(
  { source, target }: CheckImages,
  options: CheckOptions,
  call: CallOptions,
): Promise<CheckResult> {
  const platforms = options.platforms ?? allPlatforms;
  const subject = await loadSubject(target, 'target', platforms, call);
  const sources = source === undefined ? undefined : await loadSources(source, subject.images, call);
  const run = new CheckRun(options, call);
  const kept = new KeptDocuments(options, subject.images);
  const checked = await checkReference({ target: subject, sources, platforms }, run, kept);
  refuseUnread(subject, run.findings);
  const isReplayed = options.clients === true || options.details === true;
  const clients = isReplayed ? await replayClients(target, subject, run) : undefined;
  return {
    target: target.location,
    source: source?.location,
    root: subject.root,
    verdict: run.findings.some(({ severity }) => severity === 'error') ? 'bad' : 'good',
    platforms: checked,
    clients,
    bootstrapOnly: options.bootstrapOnly === true,
    sample: options.sample,
    findings: run.findings,
  };
}

/** Throws UnsupportedError if nothing is known about any image but that it cannot be read: a verdict would say more than that. */
function refuseUnread({ images }: ReferenceSubject, findings: readonly Finding[]): void {
  const errors = findings.filter(({ severity }) => severity === 'error');
  const [first] = errors;
  if (first === undefined || errors.some(({ id }) => id !== 'CONTENT-UNREAD')) return;
  const unread = new Set(errors.map(({ where }) => where.platform));
  if (images.some(({ platformName }) => !unread.has(platformName))) return;
  const { message, hint, remedy, where } = first;
  const about = where.platform === undefined ? '' : `${where.platform}: `;
  throw new UnsupportedError(`${about}${message}`, { hint, remedy });
}
