/** Finds the form of an entry: how its bytes can be made of the facts that the tree has of it. */
import { ByteReader, ByteWriter } from './bytes.js';
import type { Facts, NumberName } from './facts.js';
import { base256, type FieldForm, lastComponent, type NameOf, octal, time } from './fields.js';
import {
  BLOCK,
  type BodyForm,
  checksum,
  type DataForm,
  entryBytes,
  type EntryForm,
  HEADER_FIELDS,
  type HeaderForm,
  paxRecord,
} from './form.js';

/** The bytes of an entry before its data. */
export interface EntryParts {
  readonly extensions: Buffer;
  readonly header: Buffer;
  readonly map: Buffer;
}

export interface Fitted {
  readonly form: EntryForm;
  /** What the recipe has for this entry. */
  readonly args: Buffer;
}

export interface Fixed {
  readonly known: boolean;
  readonly data: DataForm;
  readonly isPadded: boolean;
}

/** Forms without own bytes that are tried before another is looked for. */
const TRIED = 8;

/** Remembers the last forms: most entries have one of them. */
export class Fitter {
  #recent: EntryForm[] = [];

  /** The form makes exactly these bytes. */
  fit(parts: EntryParts, facts: Facts, fixed: Fixed): Fitted {
    const bytes = Buffer.concat([parts.extensions, parts.header, parts.map]);
    const known = this.#recent.find((form) => isOfKind(form, fixed) && makes(form, facts, NOTHING, bytes));
    if (known !== undefined) {
      this.#remember(known);
      return { form: known, args: NOTHING };
    }
    const fitted = new Fitting(facts).entry(parts, fixed);
    if (makes(fitted.form, facts, fitted.args, bytes)) {
      if (fitted.args.length === 0) this.#remember(fitted.form);
      return fitted;
    }
    return asItIs(parts, fixed);
  }

  #remember(form: EntryForm): void {
    this.#recent = [form, ...this.#recent.filter((other) => other !== form)].slice(0, TRIED);
  }
}

const NOTHING = Buffer.alloc(0);

function isOfKind(form: EntryForm, { known, data, isPadded }: Fixed): boolean {
  return form.known === known && form.data === data && form.isPadded === isPadded;
}

function makes(form: EntryForm, facts: Facts, args: Buffer, bytes: Buffer): boolean {
  const reader = new ByteReader(args);
  try {
    return entryBytes(form, facts, reader).equals(bytes) && reader.isAtEnd;
  } catch {
    return false; // it has bytes of its own, and there are none
  }
}

function asItIs({ extensions, header, map }: EntryParts, fixed: Fixed): Fitted {
  const args = new ByteWriter();
  args.string(extensions);
  args.raw(header);
  if (map.length > 0) args.string(map);
  const form = { ...fixed, extensions: undefined, header: undefined, hasMap: map.length > 0 };
  return { form, args: Buffer.from(args.bytes) };
}

/** Values that a numeric field may have. */
const NUMBERS: Readonly<Record<string, readonly NumberName[]>> = {
  mode: ['perms', 'mode'],
  uid: ['uid'],
  gid: ['gid'],
  size: ['size', 'body'],
  mtime: ['mtime'],
  major: ['major'],
  minor: ['minor'],
};
/** Fields that differ from entry to entry when the tree does not have them. Other fields are constants. */
const VARYING: ReadonlySet<string> = new Set([
  'name',
  'mode',
  'uid',
  'gid',
  'size',
  'mtime',
  'sum',
  'link',
  'prefix',
]);

class Fitting {
  readonly #facts: Facts;
  readonly #args = new ByteWriter();

  constructor(facts: Facts) {
    this.#facts = facts;
  }

  entry({ extensions, header, map }: EntryParts, fixed: Fixed): Fitted {
    const forms = this.#extensions(extensions);
    if (forms === undefined) this.#args.string(extensions);
    const own = this.#header(header, undefined);
    if (map.length > 0) this.#args.string(map);
    const form = { ...fixed, extensions: forms, header: own, hasMap: map.length > 0 };
    return { form, args: Buffer.from(this.#args.bytes) };
  }

  #extensions(bytes: Buffer): EntryForm['extensions'] {
    const start = this.#args.length;
    const forms: { header: HeaderForm; body: BodyForm }[] = [];
    for (let at = 0; at < bytes.length;) {
      const header = bytes.subarray(at, at + BLOCK);
      const type = header.toString('latin1', 156, 157);
      const size = Number.parseInt(header.toString('latin1', 124, 136), 8);
      const end = at + BLOCK + size;
      if (!'xgXLK'.includes(type) || !Number.isSafeInteger(size) || end > bytes.length) {
        this.#args.cut(start);
        return undefined;
      }
      const body = bytes.subarray(at + BLOCK, end);
      // A body has the length of its own header, and comes first.
      forms.push({ body: this.#body(type, body.toString('latin1')), header: this.#header(header, size) });
      at = end + ((BLOCK - (end % BLOCK)) % BLOCK);
    }
    return forms;
  }

  #body(type: string, text: string): BodyForm {
    if (type === 'L' || type === 'K')
      return this.#name(text, type === 'L' ? 'path' : 'link', Infinity) ?? this.#arg(text);
    const start = this.#args.length;
    const forms: (readonly [string, FieldForm])[] = [];
    for (let rest = text; rest !== '';) {
      const parts = /^(\d+) ([^=]+)=/.exec(rest);
      const record = rest.slice(0, Number(parts?.[1] ?? 0));
      const [head = '', , key = ''] = parts ?? [];
      const value = record.slice(head.length, -1);
      if (parts === null || record !== paxRecord(key, value)) {
        this.#args.cut(start);
        return this.#arg(text);
      }
      forms.push([key, this.#pax(key, value)]);
      rest = rest.slice(record.length);
    }
    return forms;
  }

  #pax(key: string, value: string): FieldForm {
    const { numbers, xattrs } = this.#facts;
    const found = this.#paxForm(key, value);
    if (found !== undefined) return found;
    const xattr = /^SCHILY\.xattr\.(.*)$/s.exec(key)?.[1];
    const own = xattr === undefined ? undefined : xattrs.get(xattr);
    if (xattr !== undefined && own !== undefined && Buffer.from(own).toString('latin1') === value)
      return ['xattr', xattr];
    for (const name of ['uid', 'gid', 'size'] as const)
      if (key.endsWith(name) && String(numbers[name]) === value) return ['decimal', name];
    return this.#arg(value);
  }

  #paxForm(key: string, value: string): FieldForm | undefined {
    if (key === 'path' || key.endsWith('.name')) return this.#name(value, 'path', Infinity);
    if (key === 'linkpath') return this.#name(value, 'link', Infinity);
    if (!key.endsWith('time')) return undefined;
    const digits = value.includes('.') ? value.length - value.indexOf('.') - 1 : 0;
    return [-1, digits].flatMap((count): FieldForm[] =>
      time(this.#facts, count) === value ? [['time', count]] : [],
    )[0];
  }

  #header(block: Buffer, body: number | undefined): HeaderForm {
    const forms: FieldForm[] = [];
    let at = 0;
    const prefix = trimmed(block.toString('latin1', 345, 500));
    const isUstar = block.toString('latin1', 257, 263) === 'ustar\0';
    const blank = Buffer.from(block).fill(' ', 148, 156);
    for (const [name, width] of HEADER_FIELDS) {
      const field = block.toString('latin1', at, at + width);
      const text = trimmed(field);
      at += width;
      forms.push(this.#field(name, field, text, { prefix: isUstar ? prefix : '', body, blank }));
    }
    return forms;
  }

  #field(
    name: string,
    field: string,
    text: string,
    {
      prefix,
      body,
      blank,
    }: { readonly prefix: string; readonly body: number | undefined; readonly blank: Buffer },
  ): FieldForm {
    const numbers = NUMBERS[name];
    if (numbers !== undefined) {
      const form = this.#number(field, numbers, body);
      if (form !== undefined) return form;
    }
    if (name === 'sum') {
      const found = octalForm(field, checksum(blank));
      if (found !== undefined) return ['sum', ...found];
    }
    if (name === 'name') {
      const split = prefix === '' ? undefined : this.#split(prefix, text);
      const form = split ?? this.#name(text, 'path', field.length);
      if (form !== undefined) return form;
    }
    if (name === 'link' && text !== '') {
      const form = this.#name(text, 'link', field.length);
      if (form !== undefined) return form;
    }
    if (name === 'prefix' && prefix !== '' && prefix === text && this.#wasSplit) return ['prefix'];
    const isConstant = !VARYING.has(name) || text === '';
    return isConstant ? ['=', text] : this.#arg(text);
  }

  #wasSplit = false;

  #split(prefix: string, rest: string): FieldForm | undefined {
    this.#wasSplit = false;
    const { path } = this.#facts;
    const whole = `${prefix}/${rest}`;
    const at = path === '' ? -1 : whole.indexOf(path);
    if (at < 0) return undefined;
    this.#args.number(prefix.length);
    this.#wasSplit = true;
    return ['split', whole.slice(0, at), whole.slice(at + path.length)];
  }

  #number(field: string, names: readonly NumberName[], body: number | undefined): FieldForm | undefined {
    for (const name of names) {
      if (name === 'body' && body === undefined) continue;
      const value = name === 'body' ? (body ?? 0) : this.#facts.numbers[name];
      const found = octalForm(field, value);
      if (found !== undefined) return ['octal', name, ...found];
      if (field.charCodeAt(0) >= 0x80 && base256(value, field.length) === field) return ['base256', name];
    }
    return undefined;
  }

  /** A text that holds the name, or begins with it where the field is too short. */
  #name(text: string, of: NameOf, width: number): FieldForm | undefined {
    const name = this.#facts[of];
    if (name === '') return undefined;
    const isCut = text.length === width;
    for (const before of ['', './', '/', '../']) {
      if (!text.startsWith(before)) continue;
      const rest = text.slice(before.length);
      if (rest.startsWith(name)) {
        const after = rest.slice(name.length);
        if (after.length <= 2 && /^[/\0]*$/.test(after)) return ['name', of, before, after];
      }
      if (isCut && name.startsWith(rest)) return ['name', of, before, ''];
      const inserted = insertedForm(rest, of, before, name, isCut);
      if (inserted !== undefined) return inserted;
    }
    return undefined;
  }

  #arg(text: string): FieldForm {
    this.#args.string(Buffer.from(text, 'latin1'));
    return ['?'];
  }
}

/** `directory/CONSTANT/base`: names of pax headers and of sparse files. */
function insertedForm(
  text: string,
  of: NameOf,
  before: string,
  name: string,
  isCut: boolean,
): FieldForm | undefined {
  const [directory, base] = lastComponent(name);
  if (!text.startsWith(directory)) return undefined;
  const rest = text.slice(directory.length);
  const [middle] = /^[^/]*\/(?:[^/]*\/)?/.exec(rest) ?? [];
  if (middle === undefined || !/pax|sparse/i.test(middle)) return undefined;
  const last = rest.slice(middle.length);
  if (last.startsWith(base)) return ['inserted', of, before, middle, last.slice(base.length)];
  return isCut && base.startsWith(last) ? ['inserted', of, before, middle, ''] : undefined;
}

/** The parts of octal text, if it has this value. */
function octalForm(
  field: string,
  value: number,
): readonly [pad: string, digits: number, tail: string] | undefined {
  const tail = /[\0 ]*$/.exec(field)?.[0] ?? '';
  const digits = field.length - tail.length;
  for (const pad of ['0', ' '])
    if (value >= 0 && octal(value, pad, digits, tail) === field) return [pad, digits, tail];
  return undefined;
}

/** Zeros at the end of a field need not be said. */
function trimmed(field: string): string {
  return field.replace(/\0+$/, '');
}
