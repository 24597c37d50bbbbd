#!/usr/bin/env node
import { setFlagsFromString } from 'node:v8';

// The same as in nydusify.js, for the same reasons.
setFlagsFromString('--no-incremental-marking');
setFlagsFromString('--heap-growing-percent=100');

const { convertForService } = await import('../dist/src/cli/convert-worker.js');
await convertForService();
