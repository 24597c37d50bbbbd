/** src/cli/completion/scripts.ts: the scripts beside it as text, so that the bundle holds them. */
import { readFileSync } from 'node:fs';
import { format, resolveConfig } from 'prettier';

const FOLDER = 'src/cli/completion';
const SCRIPTS = {
  bash: 'nydusify.bash',
  zsh: 'nydusify.zsh',
  fish: 'nydusify.fish',
  powershell: 'nydusify.ps1',
} as const;

export async function completionScripts(): Promise<string> {
  const texts = Object.fromEntries(
    Object.entries(SCRIPTS).map(([shell, file]) => [shell, readFileSync(`${FOLDER}/${file}`, 'utf8')]),
  );
  const source = `/** The scripts beside this file, by the name of the shell. Written by tools/docs/main.ts. Do not edit: npm run docs. */
export const SCRIPTS = ${JSON.stringify(texts)} as const;`;
  return format(source, { ...(await resolveConfig(`${FOLDER}/complete.ts`)), parser: 'typescript' });
}
