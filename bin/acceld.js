#!/usr/bin/env node
import { setFlagsFromString } from 'node:v8';

// The same as in nydusify.js, for the same reasons.
setFlagsFromString('--no-incremental-marking');
setFlagsFromString('--heap-growing-percent=100');

const { runProcess } = await import('../dist/src/cli/process.js');
const { acceld } = await import('../dist/src/cli/upstream-tools/acceld.js');
await runProcess(acceld);
