/**
 * A program in the place of `nydusd`, which is not available to the tests: it writes down how it is called and what it is told, mounts a
 * tmpfs in place of the image, answers on its socket as nydusd does, and ends on SIGTERM without unmounting, so that the caller has to. One
 * that stays does not end on SIGTERM either.
 */
import { chmod, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

export interface RecordedCall {
  readonly args: readonly string[];
  readonly config: {
    readonly device: {
      readonly backend: { readonly type: string; readonly config: Readonly<Record<string, unknown>> };
      readonly cache: { readonly type: string; readonly config: { readonly work_dir: string } };
    };
    readonly [member: string]: unknown;
  };
  /** Of the bootstrap. */
  readonly sha256: string;
  /** Permission bits of the configuration. */
  readonly mode: number;
}

export interface StandIn {
  readonly program: string;
  readonly recorded: () => Promise<RecordedCall>;
}

export async function nydusdStandIn(
  folder: string,
  behaviour: 'mounts' | 'fails' | 'stays' = 'mounts',
): Promise<StandIn> {
  const [program, record] = [join(folder, 'nydusd'), join(folder, 'record.json')];
  const script = `#!${process.execPath}
const { execFileSync } = require('node:child_process');
const { createHash } = require('node:crypto');
const fs = require('node:fs');
const http = require('node:http');
const args = process.argv.slice(2);
const of = (name) => args[args.indexOf(name) + 1];
fs.writeFileSync(${JSON.stringify(record)}, JSON.stringify({
  args,
  config: JSON.parse(fs.readFileSync(of('--config'), 'utf8')),
  sha256: createHash('sha256').update(fs.readFileSync(of('--bootstrap'))).digest('hex'),
  mode: fs.statSync(of('--config')).mode & 0o777,
}));
if (${JSON.stringify(behaviour)} === 'fails') {
  console.error('blob backend: \\x1b[31mno access');
  process.exit(1);
}
if (process.getuid() === 0) execFileSync('mount', ['-t', 'tmpfs', 'nydusd', of('--mountpoint')]);
let asked = 0;
http.createServer((request, response) => {
  const state = ++asked < 3 ? 'INIT' : 'RUNNING';
  response.end(JSON.stringify(request.url === '/api/v1/daemon' ? { version: {}, state } : {}));
}).listen(of('--apisock'));
process.on('SIGTERM', () => ${behaviour === 'stays'} || process.exit(0));
process.on('SIGINT', () => undefined);
`;
  await writeFile(program, script);
  await chmod(program, 0o755);
  return {
    program,
    recorded: async () => JSON.parse(await readFile(record, 'utf8')) as RecordedCall, // the script above writes it
  };
}
