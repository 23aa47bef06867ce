// SPDX-License-Identifier: Apache-2.0
// The tape's own doubts: each truth is worked out again here, from nothing but itself and the words on the paper.

import { gtinIsValid, luhnIsValid, times } from './model.mjs';

const LOYALTY = /^6009200\d{9}$/;
const sum = list => list.reduce((a, b) => a + b, 0);

function closes(t) {
  const lines = sum(t.lines.filter(l => !l.voided).map(l => l.amount));
  const tax = t.tax_included === false ? t.tax : 0;
  return lines + tax + t.rounding === t.total && sum(t.tenders.map(p => p.amount)) - t.change === t.total;
}

function* faultsOfTruth(t) {
  if (closes(t) !== t.reconciled) yield `reconciled is ${t.reconciled}, the arithmetic says ${closes(t)}`;
  if (t.card && !(LOYALTY.test(t.card) && luhnIsValid(t.card))) yield `member number ${t.card}`;
  const discounts = t.lines.filter(l => l.kind === 'discount');
  if ((discounts.length ? sum(discounts.map(l => l.amount)) : null) !== t.discount) yield 'discount is not the sum of its lines';
  if (t.change < 0) yield 'negative change';
  const sign = t.kind === 'return' ? -1 : 1;
  if (t.kind !== 'void' && Math.sign(t.total) !== sign) yield `a ${t.kind} of ${t.total}`;
  for (const l of t.lines) {
    if (l.gtin !== null && !gtinIsValid(l.gtin)) yield `GTIN ${l.gtin}`;
    if (l.unit_price !== null && times(l.quantity, l.unit_price) !== Math.abs(l.amount) && times(l.quantity, l.unit_price) !== l.amount) yield `${l.description}: quantity times price`;
    if (l.kind === 'discount' && t.kind === 'sale' && l.amount >= 0) yield `${l.description}: a discount that adds`;
  }
}

/** Every figure of the truth must be on the paper: `money` is the till's own way to print it. */
function* faultsOfPaper(t, words, money) {
  const missing = (what, text) => (words.includes(text) ? [] : [`${what} "${text}" is not on the paper`]);
  const figure = minor => money(Math.abs(minor));
  for (const key of ['total', 'tax', 'subtotal', 'change', 'rounding']) {
    if (t[key]) yield* missing(key, figure(t[key]));
  }
  for (const l of t.lines) {
    yield* missing('amount', figure(l.amount));
    yield* missing('description', l.description);
    if (l.gtin) yield* missing('gtin', l.gtin);
    if (l.unit_price !== null) yield* missing('unit price', figure(l.unit_price));
    if (l.quantity !== '1' && !words.includes(l.quantity) && !words.includes(l.quantity.replace('.', ','))) yield `quantity ${l.quantity} is not on the paper`;
  }
  for (const p of t.tenders) {
    yield* missing('tender', figure(p.amount));
    if (p.last4) yield* missing('last4', p.last4);
    if (p.brand) yield* missing('brand', p.brand);
  }
  for (const c of t.coupons) yield* missing('coupon', c.code);
  if (t.receipt_number) yield* missing('receipt number', t.receipt_number);
  if (t.operator) yield* missing('operator', t.operator);
}

/** No run of digits may pass for a payment card: 13 to 19 of them, spaced or not, that pass Luhn. Loyalty cards apart. */
function* faultsOfDigits(words) {
  for (const [run] of words.matchAll(/\d(?:[ -]?\d){12,18}/g)) {
    const digits = run.replace(/[ -]/g, '');
    if (luhnIsValid(digits) && !LOYALTY.test(digits)) yield `${run} looks like a payment card`;
  }
}

/** All that is wrong with one slip; `truth.type` null is not a sale and has words only. */
export function faults(truth, words, money) {
  const found = [...faultsOfDigits(words)];
  if (truth.type !== null) found.push(...faultsOfTruth(truth), ...faultsOfPaper(truth, words, money));
  return found;
}

/** Receipt numbers tell sales apart: each is used once, and a repeat names a receipt that came before. */
export function faultsOfOrder(steps) {
  const found = [], seen = new Set(), files = new Set();
  for (const { file, truth } of steps.filter(s => s.do === 'print')) {
    if (truth.type === 'repeat') {
      if (!files.has(truth.of)) found.push(`${file} repeats ${truth.of}, which has not been printed`);
    } else if (truth.type !== null && truth.receipt_number !== null) {
      if (seen.has(truth.receipt_number)) found.push(`${file} uses receipt number ${truth.receipt_number} again`);
      seen.add(truth.receipt_number);
    }
    files.add(file);
  }
  return found;
}
