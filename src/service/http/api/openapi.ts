/** `/openapi.json`: the endpoints and their schemas in OpenAPI 3.1. */
import { type ConversionConfig, toJsonSchema, toJsonSchemaDefs } from '@valibot/to-json-schema';
import { VERSION } from '../../../convert/version.js';
import { type ApiCode, CODES } from '../errors.js';
import {
  type Endpoint,
  type EndpointName,
  ENDPOINTS,
  refusalsOf,
  SCHEMAS,
  type SchemaName,
} from './endpoints.js';

const CONVERSION = {
  target: 'draft-2020-12',
  typeMode: 'input',
  overrideRef: ({ referenceId }) => `#/components/schemas/${referenceId}`,
} as const satisfies ConversionConfig;

export function openapiDocument(): Readonly<Record<string, unknown>> {
  const paths: Record<string, Record<string, unknown>> = {};
  for (const name of Object.keys(ENDPOINTS) as EndpointName[]) {
    const { path, method } = ENDPOINTS[name];
    (paths[path] ??= {})[method.toLowerCase()] = operation(name);
  }
  const schemas = toJsonSchemaDefs(SCHEMAS, CONVERSION);
  return {
    openapi: '3.1.0',
    info: {
      title: 'nydusify serve',
      version: VERSION,
      description: 'Converts images as registries tell of their push.',
    },
    paths,
    components: {
      schemas: Object.fromEntries(
        Object.entries(schemas).map(([name, schema]) => [name, opened(name, schema)]),
      ),
      securitySchemes: {
        token: { type: 'http', scheme: 'bearer', description: 'One of `api.tokens`.' },
        sender: {
          type: 'apiKey',
          in: 'header',
          name: 'Authorization',
          description: 'The secret of the registry or of the receiver.',
        },
      },
    },
  };
}

/** Later versions may add members to answers, so that a client must not refuse some that it does not know. */
function opened(name: string, schema: object): unknown {
  if (name === 'NewTask') return schema;
  return JSON.parse(
    JSON.stringify(schema, (key, value: unknown) =>
      key === 'additionalProperties' && value === false ? undefined : value,
    ),
  );
}

function operation(name: EndpointName): unknown {
  const { summary, access, query, body, answers, path, method }: Endpoint = ENDPOINTS[name];
  return {
    operationId: name,
    summary,
    parameters: [
      ...[...path.matchAll(/\{(\w+)\}/g)].map(([, parameter]) => ({
        name: parameter,
        in: 'path',
        required: true,
        schema: { type: 'string' },
      })),
      ...Object.entries(query.entries).map(([parameter, schema]) => ({
        name: parameter,
        in: 'query',
        required: false,
        schema: withoutDialect(toJsonSchema(schema, CONVERSION)),
      })),
      ...(name === 'watchEvents'
        ? [{ name: 'Last-Event-ID', in: 'header', required: false, schema: { type: 'string' } }]
        : []),
    ],
    ...(body === undefined
      ? {}
      : {
          requestBody: {
            required: body.isRequired,
            content: { 'application/json': { schema: reference(body.schema) } },
          },
        }),
    security: SECURITY[access],
    responses: {
      ...Object.fromEntries(
        Object.entries(answers).map(([status, { text, type, schema }]) => [
          status,
          {
            description: text,
            content: { [type]: { schema: schema === undefined ? { type: 'string' } : reference(schema) } },
            ...(status === '201' && method === 'POST'
              ? { headers: { Location: { description: 'Where the task is.', schema: { type: 'string' } } } }
              : {}),
          },
        ]),
      ),
      ...refusals(name),
    },
  };
}

/** An endpoint may also answer a status of its own with another body, which has the entry then. */
function refusals(name: EndpointName): Readonly<Record<string, unknown>> {
  const { answers }: Endpoint = ENDPOINTS[name];
  const byStatus = new Map<number, ApiCode[]>();
  for (const code of refusalsOf(name)) {
    const { status } = CODES[code];
    if (!(status in answers)) byStatus.set(status, [...(byStatus.get(status) ?? []), code]);
  }
  return Object.fromEntries(
    [...byStatus].map(([status, codes]) => [
      status,
      {
        description: codes.map((code) => `${code}: ${CODES[code].text}`).join(' '),
        content: { 'application/json': { schema: reference('Refusal') } },
      },
    ]),
  );
}

const SECURITY: Readonly<Record<Endpoint['access'], readonly object[]>> = {
  open: [],
  sender: [{ sender: [] }, { token: [] }, {}],
  list: [{ token: [] }, {}],
  read: [{ token: [] }],
  write: [{ token: [] }],
};

function reference(name: SchemaName): object {
  return { $ref: `#/components/schemas/${name}` };
}

function withoutDialect(schema: object): object {
  return Object.fromEntries(Object.entries(schema).filter(([name]) => name !== '$schema'));
}
