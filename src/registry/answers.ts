/**
 * Which status of which request means what. The client and its callers read it here, and `npm run docs` writes it into
 * docs/registries.md. Statuses that pass are a class of their own, see `isTransient`: requests are made again after them.
 */
import { isTransient } from './http/statuses.js';

export interface Meaning {
  readonly statuses: readonly number[];
  /** The consequence, for the documentation. */
  readonly then: string;
  /** True when the request fails with an error, which its caller handles. */
  readonly isRefusal?: boolean;
}

export interface Answers<M extends string = string> {
  /** The request, for the documentation. */
  readonly request: string;
  readonly meanings: Readonly<Record<M, Meaning>>;
  /** The consequence of any other refusal, for the documentation. */
  readonly refused: string;
  /**
   * The run can do without this request. `at once`: also an answer that may pass leads to the other way. `in the end`: the request is
   * made again after such an answer, and the other way is taken when it stays so.
   */
  readonly optional?: 'at once' | 'in the end';
  /** Statuses that pass for this request, beside those that pass for all. */
  readonly passing?: readonly number[];
}

const SUCCESS = [200, 201, 202, 203, 204, 205, 206] as const;
/** Success that may as well be the answer of a login page or a proxy. */
const UNCLEAR = [200, 202, 203, 204, 205] as const;
/** Another client may push the same blob at this moment. */
const IN_USE = [409, 423] as const;

function answers<M extends string>(table: Answers<M>): Answers<M> {
  return table;
}

const FATAL = 'the run ends with the error';

export const ANSWERS = {
  tryLogin: answers({
    request: 'GET /v2/, to try a login',
    meanings: { good: { statuses: [200, 203], then: 'the login is good' } },
    refused: 'the run ends with the error',
  }),
  lookForManifest: answers({
    request: 'HEAD a manifest, by tag or digest',
    meanings: { there: { statuses: [200], then: 'it is there, if type, digest and length are given' } },
    refused: 'it is asked for by GET',
    optional: 'at once',
  }),
  readManifest: answers({
    request: 'GET a manifest, by tag or digest',
    meanings: {
      there: { statuses: [200, 203], then: 'it is there' },
      absent: { statuses: [404, 410], then: 'it is not there' },
    },
    refused: FATAL,
  }),
  lookForBlob: answers({
    request: 'HEAD a blob',
    meanings: {
      there: { statuses: [200], then: 'it is there, unless another length is given' },
      absent: { statuses: [404], then: 'it is not there' },
    },
    refused: 'its first byte is asked for by GET',
    optional: 'at once',
  }),
  touchBlob: answers({
    request: 'GET the first byte of a blob, after a refused HEAD',
    meanings: {
      there: { statuses: [200, 203, 206, 416], then: 'it is there, unless another length is given' },
      absent: { statuses: [404, 410], then: 'it is not there' },
    },
    refused: 'before a push it counts as absent; else the run ends with the error',
  }),
  readWhole: answers({
    request: 'GET a blob or document',
    meanings: {
      whole: { statuses: [200, 203], then: 'it is read; what was read before is skipped' },
      part: { statuses: [206], then: 'it is read, if `Content-Range` fits' },
      end: { statuses: [416], then: 'there is nothing to read' },
    },
    refused: FATAL,
  }),
  readPart: answers({
    request: 'GET a range of a blob',
    meanings: {
      whole: { statuses: [200, 203], then: 'it is read, up to the range and beyond it in vain' },
      part: { statuses: [206], then: 'it is read, if `Content-Range` fits; else the whole is asked for' },
      end: { statuses: [416], then: 'there is no more, unless the length given says that there is' },
    },
    refused: 'the whole is asked for',
    optional: 'in the end',
  }),
  mount: answers({
    request: 'POST …/uploads/?mount=DIGEST&from=NAME',
    meanings: {
      mounted: { statuses: [201], then: 'the blob is there; it is looked for unless the answer names it' },
      opened: { statuses: [202], then: 'the blob is sent in the session that was opened' },
    },
    refused: 'the blob is sent',
    optional: 'in the end',
  }),
  openUpload: answers({
    request: 'POST …/uploads/',
    meanings: { opened: { statuses: SUCCESS, then: 'a session is open at `Location`' } },
    refused: FATAL,
    passing: IN_USE,
  }),
  queryUpload: answers({
    request: 'GET an upload',
    meanings: {
      known: { statuses: SUCCESS, then: 'the upload goes on behind `Range`' },
    },
    refused: 'the upload begins anew; also after the second answer that may pass',
    optional: 'in the end',
  }),
  sendPart: answers({
    request: 'PATCH an upload',
    meanings: {
      taken: {
        statuses: SUCCESS,
        then: 'all bytes count as taken; if `Range` says less, the upload is asked',
      },
      outOfStep: { statuses: [416], then: 'the upload is asked where it is', isRefusal: true },
      tooLarge: { statuses: [413], then: 'the blob goes in smaller chunks', isRefusal: true },
      noSpace: { statuses: [412, 507], then: FATAL, isRefusal: true },
    },
    refused: 'the blob goes in one PUT',
    passing: IN_USE,
  }),
  finishUpload: answers({
    request: 'PUT an upload, with the blob or after it',
    meanings: {
      made: { statuses: [201], then: 'the blob is there' },
      unclear: { statuses: UNCLEAR, then: 'the blob is looked for' },
      tooLarge: { statuses: [413], then: 'the blob goes in smaller chunks', isRefusal: true },
      noSpace: { statuses: [412, 507], then: FATAL, isRefusal: true },
    },
    refused: 'the blob goes by PATCH',
    passing: IN_USE,
  }),
  cancelUpload: answers({
    request: 'DELETE an upload',
    meanings: { done: { statuses: SUCCESS, then: 'nothing' } },
    refused: 'nothing; the registry drops it in time',
    optional: 'at once',
  }),
  putManifest: answers({
    request: 'PUT a manifest, by digest or tag',
    meanings: {
      stored: { statuses: [201], then: 'it is there' },
      unclear: { statuses: UNCLEAR, then: 'it is looked for' },
    },
    refused:
      'the run ends with the error; with `MANIFEST_BLOB_UNKNOWN` and its like only after more attempts',
  }),
  removeTag: answers({
    request: 'DELETE a tag that was stored wrongly',
    meanings: { done: { statuses: SUCCESS, then: 'nothing' } },
    refused: 'nothing; the run ends with another error anyway',
    optional: 'in the end',
  }),
  listTags: answers({
    request: 'GET the tags of a repository',
    meanings: {
      listed: { statuses: [200], then: 'the list, or its next page' },
      absent: { statuses: [404, 410], then: 'there are none' },
    },
    refused: FATAL,
  }),
  listRepositories: answers({
    request: 'GET the repositories of a registry',
    meanings: { listed: { statuses: [200], then: 'the list, or its next page' } },
    refused: FATAL,
  }),
  listReferrers: answers({
    request: 'GET the referrers of a manifest',
    meanings: {
      listed: { statuses: [200], then: 'the list, if it is an index' },
      unknown: {
        statuses: [400, 404, 405, 406, 410, 415, 422, 501],
        then: 'the list under the tag `sha256-…`; none if there is no such tag',
      },
    },
    refused: 'the list under the tag; if there is none, the run ends with the error',
  }),
  nextReferrers: answers({
    request: 'GET a further page of referrers',
    meanings: { listed: { statuses: [200], then: 'the list goes on' } },
    refused: FATAL,
  }),
  readReferrersTag: answers({
    request: 'GET the list of referrers under its tag',
    meanings: {
      there: { statuses: [200, 203], then: 'the list' },
      absent: { statuses: [404, 410], then: 'there is none' },
    },
    refused: FATAL,
  }),
  putReferrersTag: answers({
    request: 'PUT the list of referrers under its tag',
    meanings: {
      stored: { statuses: SUCCESS, then: 'it is read again after a pause' },
      changed: { statuses: [409, 412], then: 'it is read again, and written again' },
    },
    refused: 'it is written without `If-Match`; if that is refused too, the run ends with the error',
  }),
  token: answers({
    request: 'GET or POST a token',
    meanings: {
      granted: { statuses: SUCCESS, then: '`token`, or `access_token` where that is empty' },
      otherForm: { statuses: [404, 405], then: 'a password is sent by POST instead of GET' },
    },
    refused: 'the run ends with the error, which says whether a login was stored',
  }),
} as const;

/** The meaning of a status; undefined for any other refusal, and for answers that may pass. */
export function meaningOf<M extends string>({ meanings }: Answers<M>, status: number): M | undefined {
  const names = Object.keys(meanings) as M[]; // the table's own keys
  return names.find((name) => meanings[name].statuses.includes(status));
}

/** True when the answer is given to the caller, instead of an error. */
export function isAccepted(table: Answers, status: number): boolean {
  const meaning = meaningOf(table, status);
  return meaning !== undefined && table.meanings[meaning]?.isRefusal !== true;
}

/** True when the same request may succeed later. `Retry-After` says so of any refusal but that of a login. */
export function mayPass(table: Answers, status: number, retryAfter: string | undefined): boolean {
  return (
    isTransient(status) ||
    table.passing?.includes(status) === true ||
    (retryAfter !== undefined && status >= 400 && status !== 401)
  );
}
