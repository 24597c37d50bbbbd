/** The schema of a JSON object. valibot's own takes lists for objects without members, so that a list in place of an event would be an empty event. */
import * as v from 'valibot';

const NO_LIST = v.custom<object>(
  (value) => !Array.isArray(value),
  'Invalid type: Expected Object but received Array',
);

export function jsonObject<const E extends v.ObjectEntries>(entries: E) {
  return v.pipe(NO_LIST, v.object(entries));
}
