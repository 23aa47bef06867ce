#!/usr/bin/env node
// SPDX-License-Identifier: Apache-2.0
// Checks files of events, one JSON object a line (`-` is standard input), against the contract.
// Prints one line for each event that breaks it and a summary; exits with 1 if there was one.
import { readFileSync } from 'node:fs';
import { pathToFileURL } from 'node:url';
import { checkEvent, loadSchemas } from './lib.mjs';

const usage = `Usage: node validate.mjs [--allow-unknown] FILE...
Checks events, one JSON object a line, against the envelope and the schema of their data.
FILE "-" reads standard input. Empty lines are skipped. A type or schema number this release does
not know is an error unless --allow-unknown is given.
Exit codes: 0 all events hold, 1 at least one does not, 2 usage or a file that cannot be read.`;

const subjectOf = {
  sale: (data) => data.transaction_id,
  loyalty: (data) => data.pseudonym,
  coupon: (data) => data.transaction_id,
  capture: (data) => data.device,
};

// What the schemas cannot say: the subject is a field of the data, and the transaction is the store's own.
function checkAcross(event) {
  const { type, subject, data } = event;
  const expected = subjectOf[type.split('.')[2]]?.(data);
  if (typeof expected === 'string' && subject !== expected) {
    return { pointer: '/subject', rule: `subject: must be the one in data of ${type}` };
  }
  const till = `${data.store}/${data.workstation}/`;
  if (type.startsWith('io.tillwire.sale.') && !data.transaction_id.startsWith(till)) {
    return { pointer: '/data/transaction_id', rule: 'transaction_id: must begin with store and workstation' };
  }
  return null;
}

// null where the line holds, else { pointer, rule }.
export function checkLine(ajv, line, allowUnknown) {
  if (Buffer.byteLength(line) > 65536) {
    return { pointer: '', rule: 'an event has at most 64 KiB' };
  }
  let event;
  try {
    event = JSON.parse(line);
  } catch (error) {
    return { pointer: '', rule: `is not JSON: ${error.message}` };
  }
  const { error, known } = checkEvent(ajv, event);
  if (error) {
    return error;
  }
  if (!known) {
    return allowUnknown ? null : { pointer: '/dataschema', rule: `no schema ${event.dataschema}` };
  }
  return checkAcross(event);
}

function main(args) {
  const allowUnknown = args.includes('--allow-unknown');
  const files = args.filter((arg) => arg !== '--allow-unknown');
  if (args.includes('--help')) {
    console.log(usage);
    return 0;
  }
  if (files.length === 0 || files.some((file) => file.startsWith('--'))) {
    console.error(usage);
    return 2;
  }
  const { ajv } = loadSchemas();
  let events = 0;
  let broken = 0;
  for (const file of files) {
    const lines = readFileSync(file === '-' ? 0 : file, 'utf8').split('\n');
    for (const [index, line] of lines.entries()) {
      if (line.trim() !== '') {
        const error = checkLine(ajv, line, allowUnknown);
        events += 1;
        broken += error ? 1 : 0;
        if (error) {
          console.log(`${file}:${index + 1}: "${error.pointer}": ${error.rule}`);
        }
      }
    }
  }
  console.log(`${events} events, ${broken} broken`);
  return broken > 0 ? 1 : 0;
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  try {
    process.exitCode = main(process.argv.slice(2));
  } catch (error) {
    console.error(`validating events: ${error.message}`);
    process.exitCode = 2;
  }
}
