/** A process that takes the service's jobs as the real one does, and grows without end at those whose source is named so. */
import type { FromWorker, ToWorker } from '../../../src/service/jobs/request.js';

const send = (message: FromWorker): void => {
  process.send?.(message);
};

const STEP = 16 << 20;
const held: Buffer[] = [];

process.on('message', (message: ToWorker) => {
  if (message.type === 'abort') return;
  const { request } = message;
  if (request.kind === 'convert' && request.source.includes('growing')) {
    setInterval(() => held.push(Buffer.alloc(STEP, 1)), 10);
    return;
  }
  send({ type: 'done', answer: { kind: 'converted', result: {} }, residentBytes: 0 });
});
process.once('disconnect', () => process.exit());
send({ type: 'ready' });
