/**
 * Files that a run writes where its caller says. In a folder that other users share, one of them may have put a link, a pipe or a
 * file of his own under that name before: nothing of that is written to.
 */
import { closeSync, constants, fstatSync, ftruncateSync, lstatSync, openSync, statSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { demandOwnFile, isShared, refusePlantedLinks } from '../io/planted-links.js';

const { O_APPEND, O_CREAT, O_NOFOLLOW, O_NONBLOCK, O_TRUNC, O_WRONLY } = constants;

/** Opens a file for writing, from its start or its end; returns its descriptor. Throws the system's errors. */
export function openOutput(path: string, at: 'start' | 'end'): number {
  refusePlantedLinks(path);
  const flags = O_WRONLY | O_CREAT | (at === 'end' ? O_APPEND : 0);
  if (!isShared(dirname(resolve(path)))) return openWaiting(path, flags | (at === 'start' ? O_TRUNC : 0));
  const fd = openSync(path, flags | O_NOFOLLOW | O_NONBLOCK, 0o666);
  try {
    demandOwnFile(fstatSync(fd));
    if (at === 'start') ftruncateSync(fd);
    return fd;
  } catch (error) {
    closeSync(fd);
    throw error;
  }
}

/** Throws where `openOutput` would refuse what is there. Opens nothing: a pipe would take that for its end. */
export function tryOutput(path: string): void {
  refusePlantedLinks(path);
  const found = isShared(dirname(resolve(path))) ? lstatSync(path, { throwIfNoEntry: false }) : undefined;
  if (found !== undefined) demandOwnFile(found);
}

/** A pipe that has no reader would hold the whole run, without an end; with one, writing waits for it as usual. */
function openWaiting(path: string, flags: number): number {
  if (statSync(path, { throwIfNoEntry: false })?.isFIFO() !== true) return openSync(path, flags, 0o666);
  const probe = openSync(path, O_WRONLY | O_NONBLOCK);
  try {
    return openSync(path, O_WRONLY);
  } finally {
    closeSync(probe);
  }
}
