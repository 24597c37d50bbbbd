/**
 * Makes a tree of nodes, with their places in the text, of a document that JSON.parse has accepted. A document of a hundred thousand
 * values takes a while, so this is done in steps, which the tree parser of jsonc-parser cannot; the nodes are its own.
 */
import type { Node } from 'jsonc-parser';
import { isPause, type Steps } from '../../turns.js';

const QUOTE = 0x22;
const COMMA = 0x2c;
const COLON = 0x3a;
const OPEN_BRACKET = 0x5b;
const CLOSE_BRACKET = 0x5d;
const OPEN_BRACE = 0x7b;
const CLOSE_BRACE = 0x7d;
const BACKSLASH = 0x5c;

type Mutable = { -readonly [K in keyof Node]: Node[K] };

/** `text` has one character a byte, and is JSON. */
export function* treeSteps(text: string): Steps<Node> {
  const top: Mutable = { type: 'array', offset: 0, length: text.length, children: [] };
  /** Containers and members that are not complete. */
  const open: Mutable[] = [top];
  const add = (node: Mutable): void => {
    const parent = open.at(-1) ?? top;
    parent.children?.push(node);
  };
  /** Ends the member whose value ends here. */
  const close = (end: number): void => {
    const member = open.at(-1);
    if (member?.type !== 'property') return;
    member.length = end - member.offset;
    open.pop();
  };
  let count = 0;
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code <= 0x20) continue; // a blank
    if (isPause(++count)) yield;
    switch (code) {
      case OPEN_BRACE:
      case OPEN_BRACKET: {
        const type = code === OPEN_BRACE ? 'object' : 'array';
        const node: Mutable = { type, offset: at, length: 0, children: [] };
        add(node);
        open.push(node);
        break;
      }
      case CLOSE_BRACE:
      case CLOSE_BRACKET: {
        const node = open.pop() ?? top;
        node.length = at + 1 - node.offset;
        close(at + 1);
        break;
      }
      case COLON:
        (open.at(-1) ?? top).colonOffset = at;
        break;
      case COMMA:
        break;
      case QUOTE: {
        const end = endOfString(text, at);
        const node: Mutable = {
          type: 'string',
          offset: at,
          length: end - at,
          value: valueOf(text.slice(at, end)),
        };
        if (open.at(-1)?.type === 'object') {
          const member: Mutable = { type: 'property', offset: at, length: 0, children: [node] };
          add(member);
          open.push(member);
        } else {
          add(node);
          close(end);
        }
        at = end - 1;
        break;
      }
      default: {
        const end = endOfWord(text, at);
        const node = wordNode(text, at, end);
        add(node);
        close(end);
        at = end - 1;
      }
    }
  }
  return top.children?.[0] ?? top;
}

function endOfString(text: string, start: number): number {
  let at = start + 1;
  for (;;) {
    at = text.indexOf('"', at);
    if (at < 0) return text.length;
    let slashes = 0;
    while (text.charCodeAt(at - 1 - slashes) === BACKSLASH) slashes++;
    at++;
    if (slashes % 2 === 0) return at;
  }
}

function valueOf(literal: string): string {
  return literal.includes('\\') ? (JSON.parse(literal) as string) : literal.slice(1, -1); // a string's literal
}

/** Numbers, true, false and null end at a blank or at one of these. */
function endOfWord(text: string, start: number): number {
  let at = start;
  for (; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code <= 0x20 || code === COMMA || code === CLOSE_BRACKET || code === CLOSE_BRACE) break;
  }
  return at;
}

/** A number's value is in its text alone: no double holds all of them. */
function wordNode(text: string, offset: number, end: number): Mutable {
  const length = end - offset;
  switch (text.charAt(offset)) {
    case 't':
      return { type: 'boolean', offset, length, value: true };
    case 'f':
      return { type: 'boolean', offset, length, value: false };
    case 'n':
      return { type: 'null', offset, length, value: null };
    default:
      return { type: 'number', offset, length };
  }
}
