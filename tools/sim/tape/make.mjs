// SPDX-License-Identifier: Apache-2.0
// Makes the tape: `npm ci && node make.mjs` writes receipts/ and tape.json again, byte for byte. It fails on a truth that
// contradicts itself or the paper. There is no clock and no chance in here: the till's time starts at START and walks on.

import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { faults, faultsOfOrder } from './check.mjs';
import { luhnIsValid, member, truthOf } from './model.mjs';
import { bytesOf, Slip } from './slip.mjs';
import austrian from './tills/austrian.mjs';
import east from './tills/east.mjs';
import fashion from './tills/fashion.mjs';
import french from './tills/french.mjs';
import german from './tills/german.mjs';
import germanSmall from './tills/german_small.mjs';
import irish from './tills/irish.mjs';
import { finland, netherlands } from './tills/north.mjs';
import office from './tills/office.mjs';
import { greece, italy, portugal, spain } from './tills/south.mjs';
import usGrocery from './tills/us_grocery.mjs';

const TILLS = [usGrocery, german, office, irish, french, germanSmall, austrian, netherlands, fashion, spain, italy, finland, portugal, greece, east];
const FIRST_MEMBER = 4101, MEMBERS = 25;
const TIERS = ['basic', 'silver', 'gold'];
const START = { year: 2026, month: 11, day: 21, hour: 8, minute: 3 };
const STEP_SECONDS = 18 * 60 + 37;
const SLIPS_A_DAY = 39;

/** The moment of the n-th slip: 39 a day, a quarter of an hour and a bit apart. */
function moment(n) {
  const seconds = (n % SLIPS_A_DAY) * STEP_SECONDS + START.minute * 60;
  return { ...START, day: START.day + Math.floor(n / SLIPS_A_DAY), hour: START.hour + Math.floor(seconds / 3600), minute: Math.floor(seconds / 60) % 60, second: seconds % 60 };
}

/** One slip of each till in turn, as long as there are any: a till's own order stays. */
function* inTurn(tills) {
  for (let round = 0; tills.some(till => till.slips.length > round); round++) {
    for (const till of tills) if (till.slips[round]) yield { till, spec: till.slips[round] };
  }
}

function truthFor(model, original) {
  if (model.what) return { type: null, what: model.what };
  if (original) return { ...truthOf(model), type: 'repeat', of: original.file };
  return truthOf(model);
}

/** Prints one slip: {steps, bytes, step}. `printed` holds what came before, by id. */
function play(till, spec, n, printed) {
  const original = spec.repeats ? printed.get(spec.repeats) : null;
  if (spec.repeats && !original) throw new Error(`${spec.id} repeats ${spec.repeats}, which comes later`);
  const now = moment(n), slip = new Slip(spec.made.columns);
  const model = spec.paper(slip, original?.time ?? now, now);
  const truth = truthFor(model, original);
  const wrong = faults(truth, slip.words(), till.money);
  if (wrong.length) throw new Error(`${spec.id}:\n  ${wrong.join('\n  ')}\n${slip.words()}`);
  const file = `receipts/${String(n + 1).padStart(3, '0')}_${spec.id}.bin`;
  printed.set(spec.id, { file, time: now });
  const { encoder, codepage, columns } = spec.made;
  const step = { do: 'print', file, made: { layout: till.name, encoder, codepage, columns }, truth };
  const other = (spec.scans ?? []).map(code => ({ do: 'scan', code, card: null }));
  const scan = model.member?.scanned && !original ? [{ do: 'scan', code: model.member.scanText ?? model.member.card, card: model.member.card }] : [];
  return { steps: [...other, ...scan, step, ...(n % 6 === 5 ? [{ do: 'pause', ms: 50 + n }] : [])], file, bytes: bytesOf(slip, spec.made) };
}

const here = dirname(fileURLToPath(import.meta.url));
const printed = new Map();
const slips = [...inTurn(TILLS)].map(({ till, spec }) => play(till, spec, printed.size, printed));
const steps = slips.flatMap(slip => slip.steps);
const members = Array.from({ length: MEMBERS }, (_, i) => ({ card: member(FIRST_MEMBER + i), tier: TIERS[i % TIERS.length], points: (i * 613) % 4000 }));
const wrong = [...faultsOfOrder(steps), ...members.filter(m => !luhnIsValid(m.card)).map(m => `member ${m.card}`),
  ...steps.filter(s => s.truth?.card && !members.some(m => m.card === s.truth.card)).map(s => `${s.file}: nobody has card ${s.truth.card}`)];
if (wrong.length) throw new Error(wrong.join('\n'));

rmSync(join(here, 'receipts'), { recursive: true, force: true });
mkdirSync(join(here, 'receipts'));
for (const slip of slips) writeFileSync(join(here, slip.file), slip.bytes);
writeFileSync(join(here, 'tape.json'), `${JSON.stringify({ store: '0042', workstation: '07', currency: 'EUR', timezone: 'Europe/Berlin', members, steps }, null, 1)}\n`);

const count = type => steps.filter(s => s.truth?.type === type).length;
console.log(`${printed.size} slips: ${count('sale.completed')} sales, ${count('sale.returned')} returns, ${count('sale.voided')} voids, ${count('repeat')} repeats, ${count(null)} others; ${steps.filter(s => s.do === 'scan').length} scans`);
