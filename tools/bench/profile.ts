/** Stages of one conversion and their waits for one another, from the events that it wrote. */
import type { StageTimes } from '../../src/reporter.js';
import { markdownTable } from '../../test/support/markdown-table.js';
import type { Cost } from './run.js';

export interface Profile {
  readonly cost: Cost;
  /** Figures of all images that were converted. */
  readonly stages: readonly StageTimes[];
}

interface StagesEvent {
  readonly type: 'image.stages';
  readonly stages: readonly StageTimes[];
}

/** `cost` of a conversion with `--progress json`. */
export function profileOf(cost: Cost): Profile {
  const sums = new Map<string, StageTimes>();
  for (const line of cost.said.split('\n')) {
    if (!line.includes('"image.stages"')) continue;
    const { stages } = JSON.parse(line) as StagesEvent; // the product's own event
    for (const stage of stages) sums.set(stage.name, plus(sums.get(stage.name), stage));
  }
  return { cost, stages: [...sums.values()] };
}

function plus(sum: StageTimes | undefined, stage: StageTimes): StageTimes {
  if (sum === undefined) return stage;
  return {
    name: stage.name,
    threads: sum.threads + stage.threads,
    alive: sum.alive + stage.alive,
    busy: sum.busy + stage.busy,
    ready: sum.ready + stage.ready,
    starved: sum.starved + stage.starved,
    blocked: sum.blocked + stage.blocked,
  };
}

/** Seconds; what Node itself did is what the addon did not do. */
export function profileTable(name: string, { cost, stages }: Profile): string {
  const native = stages.reduce((sum, { busy }) => sum + busy, 0);
  const cells = (...seconds: readonly number[]): string[] => seconds.map((value) => value.toFixed(2));
  const rows = stages.map((stage) => [
    stage.name,
    String(stage.threads),
    ...cells(stage.alive, stage.busy, stage.ready, stage.starved, stage.blocked),
  ]);
  const node = ['Node: sockets, files, metadata', '–', ...cells(cost.wall, cost.cpu - native), '–', '–', '–'];
  return [
    `What the threads did in one conversion of ${name} that took ${cost.wall.toFixed(2)} s, in seconds:`,
    markdownTable(
      ['stage', 'threads', 'alive', 'computing', 'ready, no core free', 'nothing to do', 'no room'],
      [...rows, node],
      'numbers',
    ),
  ].join('\n\n');
}
