/** containerd as Debian has it, with the native snapshotter, which needs neither overlayfs nor a runtime. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { tryRun } from '../run-tool.js';
import { place, tempFolder } from '../temp-folder.js';

/** Starts it in a folder of its own; the daemon ends with the test. Returns the address that `ctr` is given. */
export async function startContainerd(t: TestContext): Promise<string> {
  const folder = await tempFolder(t);
  const address = join(folder, 's');
  const config = `version = 2
root = "${folder}/root"
state = "${folder}/state"
disabled_plugins = ["io.containerd.grpc.v1.cri", "io.containerd.internal.v1.opt", "io.containerd.snapshotter.v1.overlayfs"]
[grpc]
address = "${address}"
[ttrpc]
address = "${folder}/t"
`;
  const file = await place(folder, 'config.toml', config);
  const daemon = spawn('containerd', ['--config', file, '--log-level', 'error'], { stdio: 'ignore' });
  const exited = once(daemon, 'exit');
  t.after(async () => {
    daemon.kill('SIGTERM');
    await exited;
  });
  for (let attempt = 0; attempt < 100; attempt++) {
    const { status } = await tryRun('ctr', ['--address', address, '--connect-timeout', '1s', 'version']);
    if (status === 0) return address;
    await sleep(100);
  }
  throw new Error('containerd does not answer');
}
