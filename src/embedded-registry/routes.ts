/** Maps path and method of each request to a function. OCI distribution-spec, "Endpoints". */
import { serveBlob, serveUpload } from './blobs.js';
import { serveManifest, serveReferrers, serveTags } from './manifests.js';
import { answerJson, type Exchange, Refused } from './protocol.js';

/** The grammar of repository names in the specification. */
const NAME = /[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*(?:\/[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*)*/.source;
const ROUTES: readonly {
  readonly path: RegExp;
  readonly serve: (exchange: Exchange, name: string, rest: string) => Promise<void>;
}[] = [
  { path: new RegExp(`^/v2/(${NAME})/blobs/uploads/(.*)$`), serve: serveUpload },
  { path: new RegExp(`^/v2/(${NAME})/blobs/([^/]+)$`), serve: serveBlob },
  { path: new RegExp(`^/v2/(${NAME})/manifests/([^/]+)$`), serve: serveManifest },
  { path: new RegExp(`^/v2/(${NAME})/tags/(list)$`), serve: serveTags },
  { path: new RegExp(`^/v2/(${NAME})/referrers/([^/]+)$`), serve: serveReferrers },
];

/** Answers the request. Throws Refused for the errors of the specification. */
export async function serve(exchange: Exchange): Promise<void> {
  const { request, response, url } = exchange;
  if (url.pathname === '/v2/' || url.pathname === '/v2') {
    answerJson(request, response, 200, {}, { 'docker-distribution-api-version': 'registry/2.0' });
    return;
  }
  for (const route of ROUTES) {
    const match = route.path.exec(url.pathname);
    if (match !== null) {
      await route.serve(exchange, match[1] ?? '', decodeURIComponent(match[2] ?? ''));
      return;
    }
  }
  throw new Refused(
    404,
    url.pathname.startsWith('/v2/') ? 'NAME_INVALID' : 'UNSUPPORTED',
    'no such endpoint',
  );
}
