/**
 * Runs tasks and pipelines of Tekton without Kubernetes: values are put in where the files name them, and steps are started as containers would
 * start, without a shell. What the files use beyond that is an error.
 */
import { chmod, mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import * as v from 'valibot';
import { parse } from 'yaml';

const PARAM = v.object({
  name: v.string(),
  description: v.optional(v.string()),
  type: v.optional(v.string()),
  default: v.optional(v.union([v.string(), v.array(v.string())])),
});

const TASK = v.object({
  apiVersion: v.literal('tekton.dev/v1'),
  kind: v.literal('Task'),
  metadata: v.looseObject({ name: v.string() }),
  spec: v.strictObject({
    description: v.string(),
    params: v.array(PARAM),
    workspaces: v.array(v.strictObject({ name: v.string(), description: v.string(), optional: v.boolean() })),
    results: v.optional(v.array(v.strictObject({ name: v.string(), description: v.string() }))),
    // Neither a script nor a command: the image has no shell, and its own entrypoint runs.
    steps: v.array(
      v.strictObject({
        name: v.string(),
        image: v.string(),
        args: v.array(v.string()),
        env: v.array(v.strictObject({ name: v.string(), value: v.string() })),
        securityContext: v.looseObject({ readOnlyRootFilesystem: v.literal(true) }),
        volumeMounts: v.array(v.strictObject({ name: v.string(), mountPath: v.string() })),
      }),
    ),
    volumes: v.array(v.strictObject({ name: v.string(), emptyDir: v.object({}) })),
  }),
});
export type Task = v.InferOutput<typeof TASK>;

const VALUES = v.array(
  v.strictObject({ name: v.string(), value: v.union([v.string(), v.array(v.string())]) }),
);
const PIPELINE = v.object({
  kind: v.literal('Pipeline'),
  spec: v.strictObject({
    params: v.array(PARAM),
    workspaces: v.array(v.looseObject({ name: v.string() })),
    results: v.array(v.strictObject({ name: v.string(), value: v.string() })),
    tasks: v.array(
      v.strictObject({
        name: v.string(),
        taskRef: v.strictObject({ name: v.string() }),
        params: VALUES,
        workspaces: v.array(v.strictObject({ name: v.string(), workspace: v.string() })),
      }),
    ),
  }),
});

type Value = string | readonly string[];
type Values = ReadonlyMap<string, Value>;

export interface StepRun {
  readonly image: string;
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
}

export async function readTask(file: string): Promise<Task> {
  return v.parse(TASK, parse(await readFile(file, 'utf8')));
}

/** Starts a step; a promise that is rejected fails the task. */
type Start = (step: StepRun) => Promise<void>;

/** Runs the steps of a task; returns its results, with every byte that the steps have written. */
export async function runTask(
  { metadata, spec }: Task,
  given: Values,
  options: { readonly folder: string; readonly workspaces: Values; readonly start: Start },
): Promise<Values> {
  const results = join(options.folder, metadata.name);
  await mkdir(results, { recursive: true });
  // Any user may write there, as in Tekton's own volume.
  await chmod(results, 0o777);
  for (const name of given.keys())
    if (!spec.params.some((param) => param.name === name))
      throw new Error(`${metadata.name} has no parameter ${name}`);
  const values = new Map<string, Value>();
  for (const { name, default: byDefault } of spec.params) {
    const value = given.get(name) ?? byDefault;
    if (value === undefined) throw new Error(`${metadata.name} needs the parameter ${name}`);
    values.set(`params.${name}`, value);
  }
  for (const { name } of spec.workspaces)
    values.set(`workspaces.${name}.path`, options.workspaces.get(name) ?? '');
  for (const { name } of spec.results ?? []) values.set(`results.${name}.path`, join(results, name));
  for (const { image, args, env } of spec.steps) {
    await options.start({
      image: filledText(image, values),
      args: args.flatMap((text) => filled(text, values)),
      env: Object.fromEntries(env.map(({ name, value }) => [name, filledText(value, values)])),
    });
  }
  const written = new Map<string, Value>();
  for (const { name } of spec.results ?? []) written.set(name, await readFile(join(results, name), 'utf8'));
  return written;
}

/** Runs the tasks of a pipeline in their order; returns its results. */
export async function runPipeline(
  file: string,
  tasks: readonly Task[],
  given: Values,
  options: { readonly folder: string; readonly workspaces: Values; readonly start: Start },
): Promise<Values> {
  const { spec } = v.parse(PIPELINE, parse(await readFile(file, 'utf8')));
  const values = new Map<string, Value>();
  for (const { name } of spec.params) values.set(`params.${name}`, given.get(name) ?? '');
  for (const { name, taskRef, params } of spec.tasks) {
    const task = tasks.find(({ metadata }) => metadata.name === taskRef.name);
    if (task === undefined) throw new Error(`there is no task ${taskRef.name}`);
    const own = params.map(({ name: param, value }): [string, Value] => [
      param,
      typeof value === 'string' ? filledText(value, values) : value,
    ]);
    for (const [result, value] of await runTask(task, new Map(own), options))
      values.set(`tasks.${name}.results.${result}`, value);
  }
  return new Map(spec.results.map(({ name, value }) => [name, filledText(value, values)]));
}

/** A list alone in an argument becomes as many arguments as it has entries. */
function filled(text: string, values: Values): readonly string[] {
  const name = /^\$\(([^()]+)\[\*\]\)$/.exec(text)?.[1];
  if (name === undefined) return [filledText(text, values)];
  const value = values.get(name);
  if (value === undefined || typeof value === 'string') throw new Error(`${name} is no list`);
  return value;
}

function filledText(text: string, values: Values): string {
  return text.replace(/\$\(([^()]+)\)/g, (_, name: string) => {
    const value = values.get(name);
    if (typeof value !== 'string') throw new Error(`$(${name}) is nothing that can be put in`);
    return value;
  });
}
