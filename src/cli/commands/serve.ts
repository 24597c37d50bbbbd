/** `nydusify serve`: the files of an image over HTTP, or the acceleration service. */
import { UsageError } from '../../errors.js';
import { LOG_FORMATS } from '../../service/log.js';
import type { CommandCall, CommandTable } from '../command.js';
import type { Flag } from '../flags/flags.js';
import { SERVE_FLAGS, SERVE_IMAGE_FLAGS, SERVICE_FLAGS } from '../flags/serve.js';
import { printLines, printMessage } from '../text/print.js';

const EXAMPLES = `
With REF: GET, HEAD, ranges, pages of directories, and WebDAV for reading. Symbolic links lead nowhere but within the image; files of a
Nydus image are fetched as they are asked for, and each chunk is verified. --config then names this program's own file, as for other commands.
SIGINT, SIGTERM and SIGHUP stop it at once.

With --config FILE alone: the service. SIGTERM stops it: running conversions have server.shutdown_timeout, and wait for the next start
otherwise. SIGHUP reads the file again.

Examples:
  Look around in an image with a browser, or copy a part of it:
    $ nydusify serve registry.example/app:1.0-nydus
    $ curl -O http://127.0.0.1:8000/usr/bin/app
    $ rclone copy --webdav-url http://127.0.0.1:8000 :webdav:etc ./etc
  Let other machines read, with a token:
    $ nydusify serve --listen 0.0.0.0:8000 --token-file token registry.example/app:1.0-nydus
    $ curl -H "Authorization: Bearer $(cat token)" http://build-1:8000/etc/os-release
  Does the file of the service say what it should? Then run it:
    $ nydusify serve --config accel.yaml --check
    $ nydusify serve --config accel.yaml
  Ask it for a conversion, as a registry's webhook does:
    $ curl -H 'Content-Type: application/json' http://localhost:2077/api/v1/conversions \\
        -d '{"type":"PUSH_ARTIFACT","event_data":{"resources":[{"resource_url":"registry.example/app:1.0"}]}}'`;

export const SERVE: CommandTable = {
  description:
    'With REF, serves the files of an image over HTTP and read-only WebDAV, without root, mount or daemon (docs/serving.md).\n\n' +
    'With --config FILE alone, converts images as registries tell of their push, and keeps what it has accepted until that is done. ' +
    "The file is in YAML, and that of goharbor's acceleration-service serves as it is (docs/service.md).",
  words: [
    ['[ref]', 'the image whose files are served; without it --config names the configuration of the service'],
  ],
  usage: '[options] REF | --config FILE',
  flags: SERVE_FLAGS,
  // The service's file is in YAML, and that of the program in TOML.
  isConfigured: (words) => words.length > 0,
  examples: EXAMPLES,
  run: async (call) => {
    const [location] = call.words;
    if (location === undefined) {
      refuseFlags(call, SERVE_IMAGE_FLAGS, 'goes with an image: nydusify serve [options] REF');
      await runServiceForm(call);
      return;
    }
    refuseFlags(call, SERVICE_FLAGS, 'is for the service, which has --config FILE and no image');
    const { serveImage } = await import('./serve-image.js');
    await serveImage(call, location);
  },
};

function refuseFlags({ flags }: CommandCall, others: readonly Flag[], why: string): void {
  const given = others.find(({ name }) => flags.originOf(name)?.kind === 'command line');
  if (given !== undefined) throw new UsageError(`--${given.name} ${why}`);
}

async function runServiceForm({ flags, context }: CommandCall): Promise<void> {
  const origin = flags.originOf('config');
  const path = origin?.kind === 'command line' ? flags.text('config') : undefined;
  if (path === undefined)
    throw new UsageError('serve needs an image, or required flag --config', {
      hint: 'nydusify serve REF serves the files of an image; --config names the configuration of the service in YAML',
    });
  if (flags.isOn('check')) {
    const { effectiveConfig, readServiceFile } = await import('../../service/config/config.js');
    const config = readServiceFile(path, context.env);
    for (const warning of config.warnings) printMessage(context, `warning: ${warning}`);
    await printLines(context.stdout, effectiveConfig(config).trimEnd().split('\n'));
    return;
  }
  const { runService } = await import('../run-service.js');
  await runService(path, flags.oneOf('log-format', LOG_FORMATS) ?? 'text', context);
}
