/** Every registry that others wrote, met by every client that others wrote. */
import { CLIENTS, exchange, REGISTRIES } from './interop.js';

export interface Meeting {
  readonly registry: string;
  readonly client: string;
  readonly outcome: 'equal' | 'different' | 'missing';
  readonly detail: string;
}

/** A pair whose programs are not there, and cannot be built, comes back as missing. */
export async function meetAll(
  progress: (meeting: Meeting) => void = () => undefined,
): Promise<readonly Meeting[]> {
  const meetings: Meeting[] = [];
  const note = (meeting: Meeting): void => {
    meetings.push(meeting);
    progress(meeting);
  };
  for (const kind of REGISTRIES) {
    const program = await kind.program();
    if (program.path === undefined) {
      for (const { name } of CLIENTS)
        note({ registry: kind.name, client: name, outcome: 'missing', detail: program.missing });
      continue;
    }
    await using registry = await kind.start(program.path);
    const label = `${kind.name} (${await kind.version(program.path)})`;
    for (const client of CLIENTS) {
      const tool = await client.program();
      if (tool.path === undefined) {
        note({ registry: label, client: client.name, outcome: 'missing', detail: tool.missing });
        continue;
      }
      const name = `${client.name} ${await client.version(tool.path)}`;
      try {
        note({
          registry: label,
          client: name,
          outcome: 'equal',
          detail: `${await exchange(client, tool.path, registry)} digests`,
        });
      } catch (error) {
        const detail = error instanceof Error ? error.message : 'no error';
        note({ registry: label, client: name, outcome: 'different', detail });
      }
    }
  }
  return meetings;
}
