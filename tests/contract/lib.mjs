// SPDX-License-Identifier: Apache-2.0
// The contract's schemas, compiled with ajv, and the check of one value or event with them.
import { readFileSync, readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import Ajv2020 from 'ajv/dist/2020.js';
import addFormats from 'ajv-formats';

export const contractDir = fileURLToPath(new URL('../../include/contract/', import.meta.url));
export const examplesDir = fileURLToPath(new URL('./examples/', import.meta.url));

export const readJson = (path) => JSON.parse(readFileSync(path, 'utf8'));
export const listJson = (dir) => readdirSync(dir).filter((name) => name.endsWith('.json')).sort();

// Strict: an unknown keyword, an ignored keyword or a missing type is an error.
export function loadSchemas(dir = `${contractDir}schema/`) {
  const ajv = addFormats(new Ajv2020({ strict: true }));
  const schemas = listJson(dir).map((file) => ({ file, schema: readJson(dir + file) }));
  for (const { schema } of schemas) {
    ajv.addSchema(schema);
  }
  return { ajv, schemas };
}

// The pointer of a missing member is that of the member, as in the central service's validator.
const escape = (key) => key.replaceAll('~', '~0').replaceAll('/', '~1');
function where(error) {
  const key = error.params.missingProperty ?? error.params.additionalProperty;
  return error.instancePath + (key === undefined ? '' : `/${escape(key)}`);
}

// null where the value holds to the schema, else the first { pointer, rule }.
export function check(ajv, id, value, prefix = '') {
  const validate = ajv.getSchema(id);
  if (!validate) {
    throw new Error(`there is no schema ${id}`);
  }
  if (validate(value)) {
    return null;
  }
  const [error] = validate.errors;
  return { pointer: prefix + where(error), rule: `${error.keyword}: ${error.message}` };
}

// An event: its envelope, then its data where the schema that `dataschema` names is known.
export function checkEvent(ajv, event) {
  const error = check(ajv, 'urn:tillwire:schema:envelope:1', event);
  if (error) {
    return { error, known: false };
  }
  const known = ajv.getSchema(event.dataschema) !== undefined;
  return { error: known ? check(ajv, event.dataschema, event.data, '/data') : null, known };
}

// An example's name begins with what it is: `event`, or the name of a schema.
export function checkExample(ajv, file, value) {
  const kind = file.slice(0, file.indexOf('.'));
  return kind === 'event'
    ? checkEvent(ajv, value)
    : { error: check(ajv, `urn:tillwire:schema:${kind}:1`, value), known: true };
}
