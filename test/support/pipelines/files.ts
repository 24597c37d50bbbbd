/** The files of pipelines that the project publishes, and places in them that a user fills in. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { projectRoot } from '../project.js';

export const PIPELINE_FILES = {
  action: 'action.yml',
  workflow: 'pipelines/github/nydus.yml',
  component: 'templates/nydusify.yml',
  gitlab: 'pipelines/gitlab/.gitlab-ci.yml',
  convertTask: 'pipelines/tekton/nydusify-convert.yaml',
  checkTask: 'pipelines/tekton/nydusify-check.yaml',
  pipeline: 'pipelines/tekton/pipeline.yaml',
  jenkins: 'pipelines/jenkins/Jenkinsfile',
  shell: 'pipelines/shell/nydus.sh',
} as const;

export function pipelinePath(name: keyof typeof PIPELINE_FILES): string {
  return join(projectRoot, PIPELINE_FILES[name]);
}

/** The text of a file. */
export function pipelineText(name: keyof typeof PIPELINE_FILES): Promise<string> {
  return readFile(pipelinePath(name), 'utf8');
}
