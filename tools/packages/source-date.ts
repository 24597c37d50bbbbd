/** The time that everything we make bears, so that the same sources give the same bytes. */
import { spawnSync } from 'node:child_process';
import { projectRoot } from '../../test/support/project.js';

/** `SOURCE_DATE_EPOCH`, or the time of the last commit. */
export function sourceDate(): Date {
  const git = spawnSync('git', ['log', '-1', '--format=%ct'], { cwd: projectRoot, encoding: 'utf8' });
  const seconds = process.env['SOURCE_DATE_EPOCH'] ?? (git.status === 0 ? git.stdout.trim() : '0');
  return new Date(Number(seconds) * 1000);
}
