/** The log of the service: upstream's text, which logrus writes, or one JSON object a line. */

export type LogLevel = 'info' | 'warning' | 'error' | 'fatal';
export type LogFields = Readonly<Record<string, string | number | boolean | undefined>>;
export const LOG_FORMATS = ['text', 'json'] as const;
export type LogFormat = (typeof LOG_FORMATS)[number];

export interface Log {
  readonly info: (message: string, fields?: LogFields) => void;
  readonly warn: (message: string, fields?: LogFields) => void;
  readonly error: (message: string, fields?: LogFields) => void;
  /** The last words of a program. */
  readonly fatal: (message: string, fields?: LogFields) => void;
}

export function openLog(format: LogFormat, write: (line: string) => void): Log {
  const at =
    (level: LogLevel) =>
    (message: string, fields: LogFields = {}): void => {
      write(format === 'json' ? jsonLine(level, message, fields) : textLine(level, message, fields));
    };
  return { info: at('info'), warn: at('warning'), error: at('error'), fatal: at('fatal') };
}

function textLine(level: LogLevel, message: string, fields: LogFields = {}): string {
  const own: LogFields = { time: timestamp(), level, msg: message, ...fields };
  return Object.entries(own)
    .flatMap(([name, value]) => (value === undefined ? [] : [`${name}=${quoted(name, String(value))}`]))
    .join(' ');
}

function jsonLine(level: LogLevel, msg: string, fields: LogFields): string {
  return JSON.stringify({ time: timestamp(), level, msg, ...fields });
}

/** As Go's RFC3339Nano, whose last digits a millisecond clock does not know. */
function timestamp(): string {
  return new Date().toISOString().replace(/\.?0*Z$/, 'Z');
}

/** logrus quotes a value with any other character, and always quotes times in full timestamps and messages with blanks. */
const PLAIN = /^[a-zA-Z0-9\-._/@^+]+$/;

/** A quoted value has no line end and no control character, so that what a sender wrote cannot make lines of its own. */
function quoted(name: string, value: string): string {
  if (name !== 'time' && PLAIN.test(value)) return value;
  return JSON.stringify(value).replaceAll(
    /[\u007f-\u009f\u2028-\u202e\u2066-\u2069]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}
