/** A process that takes the service's jobs as the real one does, and needs a moment for each. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { FromWorker, ToWorker } from '../../../src/service/jobs/request.js';

const send = (message: FromWorker): void => {
  process.send?.(message);
};

process.on('message', (message: ToWorker) => {
  if (message.type === 'abort') return;
  void sleep(10).then(() => {
    send({ type: 'done', answer: { kind: 'converted', result: {} }, residentBytes: 0 });
  });
});
process.once('disconnect', () => process.exit());
send({ type: 'ready' });
