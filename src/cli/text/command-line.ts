/** The command line that made a report, without the secrets that somebody may have typed into it. */
import { withoutUserInfo } from '../../oci/user-info.js';
import { redactUrls } from '../../registry/http/redact.js';
import type { Flag } from '../flags/flags.js';

const HIDDEN = 'REDACTED';
/** Names of flags that the command does not know, or of settings inside of a value. */
const SECRET = /pass(?:word|wd|phrase)?$|secret|token|credential|^auth$/i;

/** As a shell takes it. `argv` is without the program. */
export function commandLine(argv: readonly string[], flags: readonly Flag[]): string {
  const words: string[] = [];
  let hidesNext = false;
  for (const word of argv) {
    const isHidden = hidesNext;
    hidesNext = false;
    if (isHidden) {
      words.push(HIDDEN);
      continue;
    }
    const [, dashes = '', name = '', value] = /^(--?)([A-Za-z][\w-]*)(?:=([^]*))?$/.exec(word) ?? [];
    if (name === '') words.push(quoted(harmless(word)));
    else if (isSecret(name, flags)) {
      words.push(`${dashes}${name}${value === undefined ? '' : `=${HIDDEN}`}`);
      hidesNext = value === undefined && !isSwitch(name, flags);
    } else if (dashes === '-' && isSecret(name.slice(0, 1), flags) && !isKnown(name, flags)) {
      words.push(`-${name.slice(0, 1)}${HIDDEN}`);
    } else words.push(quoted(value === undefined ? word : `${dashes}${name}=${harmless(value)}`));
  }
  return ['nydusify', ...words].join(' ');
}

function find(name: string, flags: readonly Flag[]): Flag | undefined {
  return flags.find((flag) => [flag.name, flag.alias, flag.short].includes(name));
}

function isKnown(name: string, flags: readonly Flag[]): boolean {
  return find(name, flags) !== undefined;
}

/** A flag that only says where a secret comes from, such as `--password-stdin`, has none. */
function isSecret(name: string, flags: readonly Flag[]): boolean {
  const flag = find(name, flags);
  return flag === undefined ? SECRET.test(name) : flag.secret === true;
}

function isSwitch(name: string, flags: readonly Flag[]): boolean {
  const flag = find(name, flags);
  return flag?.type === 'boolean' || flag?.bare !== undefined;
}

/** Without user and password of an address, and without what signs one. */
function harmless(value: string): string {
  const [, key = '', text = ''] = /^([\w.-]+)=([^]*)$/.exec(value) ?? [];
  if (key !== '') return `${key}=${SECRET.test(key) ? HIDDEN : harmless(text)}`;
  return withoutUserInfo(redactUrls(value));
}

function quoted(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`;
}
