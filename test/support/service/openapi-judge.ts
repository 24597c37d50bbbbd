/** Holds what a service answers to the description that it gives of itself. */
import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js';
import * as v from 'valibot';

const MEDIA = v.record(v.string(), v.object({ schema: v.record(v.string(), v.unknown()) }));
const OPERATION = v.object({
  requestBody: v.optional(v.object({ content: MEDIA })),
  responses: v.record(v.string(), v.object({ content: MEDIA })),
});
const DOCUMENT = v.object({
  paths: v.record(v.string(), v.record(v.string(), OPERATION)),
  components: v.object({ schemas: v.record(v.string(), v.unknown()) }),
});

export interface Exchange {
  readonly method: string;
  /** With its query. */
  readonly path: string;
  readonly status: number;
  readonly type: string;
  readonly text: string;
}

export class OpenapiJudge {
  readonly #document: v.InferOutput<typeof DOCUMENT>;
  readonly #ajv = new Ajv2020({
    allErrors: true,
    keywords: ['components'],
    formats: { 'date-time': isTime },
  });
  readonly #compiled = new Map<object, ValidateFunction>();

  /** Members that the description does not know are faults here, although clients have to allow for them. */
  constructor(document: unknown) {
    this.#document = v.parse(DOCUMENT, document);
    this.#ajv.addSchema({ $id: 'judge', components: closed(this.#document.components) });
  }

  /** The endpoints that the description knows, as `GET /path`. */
  get endpoints(): readonly string[] {
    return Object.entries(this.#document.paths).flatMap(([path, operations]) =>
      Object.keys(operations).map((method) => `${method.toUpperCase()} ${path}`),
    );
  }

  /** The endpoint of a request; undefined for one that the description does not know. */
  endpointOf(method: string, path: string): string | undefined {
    const given = (path.split('?', 1)[0] ?? '').split('/');
    return this.endpoints.find((endpoint) => {
      const [known = '', pattern = ''] = endpoint.split(' ');
      const parts = pattern.split('/');
      return (
        known === method &&
        parts.length === given.length &&
        parts.every((part, i) => part === given[i] || (part.startsWith('{') && given[i] !== ''))
      );
    });
  }

  /** What of an answer the description does not say. Requests that it does not know have to be refused. */
  faults({ method, path, status, type, text }: Exchange): readonly string[] {
    const where = `${method} ${path}: ${status}`;
    const endpoint = this.endpointOf(method, path);
    if (endpoint === undefined)
      return (status >= 400 && status < 500) || path === '/metrics' || path.startsWith('/ui')
        ? []
        : [`${where}: an unknown endpoint`];
    const [known = '', pattern = ''] = endpoint.split(' ');
    const answer = this.#document.paths[pattern]?.[known.toLowerCase()]?.responses[status];
    if (answer === undefined) return [`${where} is no status of ${endpoint}: ${text.slice(0, 200)}`];
    const media = type.split(';', 1)[0] ?? '';
    const schema = answer.content[media]?.schema;
    if (schema === undefined) return [`${where}: ${media} is no type of this answer`];
    if (media !== 'application/json') return [];
    const validate = this.#validator(schema);
    if (validate(JSON.parse(text))) return [];
    return (validate.errors ?? []).map(
      ({ instancePath, message }) => `${where}: ${instancePath} ${message ?? ''}`,
    );
  }

  #validator(schema: Readonly<Record<string, unknown>>): ValidateFunction {
    const found = this.#compiled.get(schema) ?? this.#ajv.compile(withOwnReferences(schema) as object);
    this.#compiled.set(schema, found);
    return found;
  }
}

function isTime(text: string): boolean {
  return /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?Z$/.test(text) && !Number.isNaN(Date.parse(text));
}

/** The components, where nothing but the members that are named may appear. An object of any members stays open. */
function closed(value: unknown): unknown {
  return JSON.parse(
    JSON.stringify(value, (_, one: unknown) =>
      typeof one === 'object' &&
      one !== null &&
      'properties' in one &&
      Object.keys(one.properties ?? {}).length > 0 &&
      !('additionalProperties' in one)
        ? { ...one, additionalProperties: false }
        : one,
    ).replaceAll('"#/components/', '"judge#/components/'),
  );
}

function withOwnReferences(schema: unknown): unknown {
  return JSON.parse(JSON.stringify(schema).replaceAll('"#/components/', '"judge#/components/'));
}
