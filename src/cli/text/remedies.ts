/**
 * Remedies as sentences for a terminal. This is the only place that turns advice of the library into flags, and it names those
 * of the command that runs: `convert` has `--source-insecure` and `--target-insecure`, `ls` has `--insecure`.
 */
import type { Finding } from '../../check/finding.js';
import type { Remedy, Side } from '../../remedy.js';
import type { Reporter } from '../../reporter.js';
import type { Flag } from '../flags/flags.js';
import { LIMIT_FLAG_OF } from '../flags/limits.js';

export interface RunningCommand {
  readonly name: string;
  readonly flags: readonly Pick<Flag, 'name'>[];
}

export interface Advice {
  readonly hint?: string | undefined;
  readonly remedy?: Remedy | undefined;
  readonly side?: Side | undefined;
}

/** One line without a full stop; undefined when there is nothing to try. */
export function adviceText({ hint, remedy, side }: Advice, command: RunningCommand): string | undefined {
  const parts = [remedy === undefined ? undefined : remedyText(remedy, side, command), hint];
  const given = parts.filter((part) => part !== undefined);
  return given.length === 0 ? undefined : given.join('; ');
}

/** Passes events on; a warning's message gets its remedy as words. */
export function withAdvice(reporter: Reporter, command: RunningCommand): Reporter {
  return {
    emit: (event) => {
      const advice = event.type === 'warning' ? adviceText(event, command) : undefined;
      reporter.emit(
        event.type !== 'warning' || advice === undefined
          ? event
          : { ...event, message: `${event.message}; ${advice}` },
      );
    },
  };
}

/** Replaces the remedy of each finding by a hint in words. */
export function withHints(findings: readonly Finding[], command: RunningCommand): readonly Finding[] {
  return findings.map((found) => {
    const { remedy, ...rest } = found;
    return remedy === undefined ? found : { ...rest, hint: adviceText(found, command) };
  });
}

export function remedyText(remedy: Remedy, side: Side | undefined, command: RunningCommand): string {
  const has = (name: string): boolean => command.flags.some((flag) => flag.name === name);
  /** A flag of `convert`, by which an image that is already there would have been made. */
  const converting = (flag: string): string => (has(flag) ? `--${flag}` : `nydusify convert --${flag}`);
  switch (remedy.kind) {
    case 'trust-ca': {
      const insecure = [side === undefined ? 'insecure' : `${side}-insecure`, 'insecure'].find(has);
      const trust = has('ca') ? 'name the authority that signed it with --ca FILE' : 'trust its authority';
      return insecure === undefined ? trust : `${trust}; to trust it all the same, add --${insecure}`;
    }
    case 'new-certificate': {
      const insecure = [side === undefined ? 'insecure' : `${side}-insecure`, 'insecure'].find(has);
      const replace = CERTIFICATE_REMEDIES[remedy.because];
      return insecure === undefined ? replace : `${replace}; to trust it all the same, add --${insecure}`;
    }
    case 'trust-roots':
      return 'the environment variables SSL_CERT_FILE and SSL_CERT_DIR name it';
    case 'client-certificate':
      return `it may ask for a client certificate: put NAME.cert and NAME.key into certs.d/${remedy.host}`;
    case 'plain-http': {
      const add = has('plain-http') ? 'add --plain-http' : 'allow plain HTTP';
      return remedy.triedPort === undefined
        ? `if it is meant to go without encryption, ${add}`
        : `it was tried with HTTPS on port ${remedy.triedPort}; for a registry without TLS ${add}`;
    }
    case 'login': {
      const { host, searched, stored } = remedy;
      return `run: nydusify login ${host} (${stored ? 'the refused credentials come from' : 'looked in'} ${searched})`;
    }
    case 'allow-host':
      return has('allow-host')
        ? `if it is meant to lead there, add --allow-host ${remedy.host}`
        : 'if it is meant to lead there, allow that host';
    case 'bypass-proxy':
      return `to go without the proxy, add ${remedy.host} to NO_PROXY`;
    case 'proxy-login':
      return 'it asks for a login: HTTPS_PROXY=http://USER:PASSWORD@HOST:PORT';
    case 'work-dir':
      // The folder that `check` calls so is for what it keeps, not for temporary files.
      return has('work-dir') && command.name !== 'check'
        ? 'see that the folder exists and has room, or choose another one with --work-dir'
        : 'see that the folder exists and has room';
    case 'choose-platform':
      return platformText(remedy.available, has);
    case 'allow-missing-platforms':
      return has('allow-missing-platforms')
        ? '--allow-missing-platforms goes on without what is missing'
        : 'ask for platforms that are there';
    case 'choose-half': {
      const without = has('half') ? 'leave --half out' : 'do not choose a half';
      return remedy.missing === 'oci'
        ? `${without} to look at the Nydus image`
        : `${without} to look at the OCI image, or convert it: nydusify convert SOURCE TARGET`;
    }
    case 'chunk-size':
      return `${converting('fs-chunk-size')} 0x${remedy.usual.toString(16)} is the default`;
    case 'index-marks': {
      const flag = `${converting('index-marks')} ${remedy.marks}`;
      if (remedy.marks === 'dual') return `${flag} makes an index that both find, and old readers too`;
      return `${unless('os.features', remedy.unlessKnown)}mark the Nydus images in another way, by ${flag}`;
    }
    case 'omit-subject':
      return has('with-referrer')
        ? `${unless('subject', remedy.unlessKnown)}leave out --with-referrer`
        : `${unless('subject', remedy.unlessKnown)}convert without a referrer`;
    case 'omit-merging':
      return has('merge-platform') ? 'convert without --merge-platform' : 'convert without merging';
    case 'convert-original':
      return `convert the image that it was made from; what ${converting('merge-platform')} makes can be converted again`;
    case 'dedup-layer':
      return has('dedup')
        ? 'leave out --dedup image or --build-cache-trust-unkeyed'
        : 'let every blob stand alone, or use only records with a key';
    case 'omit-flatten':
      return has('flatten')
        ? 'leave out --flatten or the build cache'
        : 'store all of every layer, or do without the build cache';
    case 'rebuild-layers':
      return has('reverse-mode')
        ? 'leave out --reverse-mode relink, and its layers are made from the blobs'
        : 'let the layers be made from the blobs';
    case 'squash-layers':
      return has('layers')
        ? '--layers squash makes one layer of the whole image, for which no blob is asked'
        : 'make one layer of the whole image';
    case 'isolate-half':
      return `${converting('merge-isolation')} empty-layer avoids that`;
    case 'keep-manifests':
      return `${converting('merge-platform')} with --merge-isolation none keeps those`;
    case 'keep-attestations':
      return `${converting('keep-attestations')} keeps them`;
    case 'check-image':
      return 'nydusify check shows how much is damaged';
    case 'give-source':
      return 'nydusify check --target IMAGE --source SOURCE compares it with the source';
    case 'replay-clients':
      return 'nydusify check --clients shows every step';
    case 'raise-limit': {
      const flag = LIMIT_FLAG_OF[remedy.limit];
      return has(flag)
        ? `if it is to be trusted, raise the limit with --${flag}`
        : 'if it is to be trusted, raise the limit';
    }
    case 'report-bug':
      return 'please report it, with the output of nydusify --version and of this command with --debug';
  }
}

const CERTIFICATE_REMEDIES = {
  expired: 'its operator must renew it, if the clock of this machine is right',
  'not-yet-valid': 'see that the clock of this machine is right',
  'other-name': 'use a name of the registry that the certificate is for',
  unfit: 'its operator must replace it',
} as const;

function platformText(available: readonly string[], has: (name: string) => boolean): string {
  if (available.length > 0) {
    const list = available.join(', ');
    return has('platform') ? `say which one with --platform: ${list}` : `there is ${list}`;
  }
  return has('all-platforms')
    ? 'give --platform linux/amd64, or --all-platforms'
    : 'name a platform, such as linux/amd64';
}

function unless(name: string, unlessKnown: boolean | undefined): string {
  return unlessKnown === true ? `if this registry does not know "${name}": ` : '';
}
