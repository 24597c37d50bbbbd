/**
 * `node dist/tools/judge-image.js HOST:PORT/REPOSITORY:TAG LAYOUT:TAG`: every judge over one converted image in a
 * plain-HTTP registry, against the OCI layout that it was made from. Exit status 1 when a judge finds a difference,
 * and with `--no-skips` also when one is missing.
 */
import { judgeImage, type Verdict } from '../../test/support/references/judges.js';

const MARK = { ok: 'ok     ', failed: 'FAILED ', skipped: 'skipped' } as const;

function print({ judge, outcome, detail, seconds }: Verdict): void {
  const [first = '', ...rest] = detail.split('\n');
  process.stdout.write(
    `${MARK[outcome]} ${judge.padEnd(38)} ${seconds.toFixed(1).padStart(6)} s  ${first}\n`,
  );
  for (const line of rest) process.stdout.write(`        ${line}\n`);
}

const [target, source, ...more] = process.argv.slice(2).filter((argument) => argument !== '--no-skips');
const colon = source?.lastIndexOf(':') ?? -1;
if (target === undefined || source === undefined || colon < 1 || more.length > 0) {
  process.stderr.write('usage: judge-image [--no-skips] HOST:PORT/REPOSITORY:TAG LAYOUT:TAG\n');
  process.exitCode = 2;
} else {
  const layout = { layout: source.slice(0, colon), tag: source.slice(colon + 1) };
  const verdicts = await judgeImage(target, layout, { onVerdict: print });
  const bad = process.argv.includes('--no-skips') ? ['failed', 'skipped'] : ['failed'];
  process.exitCode = verdicts.some(({ outcome }) => bad.includes(outcome)) ? 1 : 0;
}
