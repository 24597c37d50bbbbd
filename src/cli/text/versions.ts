/** Versions of the program and of what runs it. */
import { arch, platform } from 'node:os';
import { VERSION } from '../../convert/version.js';

export interface Versions {
  readonly version: string;
  readonly node: string;
  readonly platform: string;
}

export function versions(): Versions {
  return { version: VERSION, node: process.version, platform: `${platform()}/${arch()}` };
}

/** The first line names the program; scripts for upstream's nydusify read the second. */
export function versionText(): string {
  const { version, node, platform } = versions();
  return [
    `nydusify-ts ${version}`,
    `Version: v${version}`,
    `Node version: ${node}`,
    `Platform: ${platform}`,
  ].join('\n');
}
