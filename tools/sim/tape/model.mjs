// SPDX-License-Identifier: Apache-2.0
// What a receipt says, before any till has laid it out: lines, tax, tenders. Money is in minor units.

const digitsSum = (digits, weight) => [...digits].reverse().reduce((sum, d, i) => sum + weight(Number(d), i), 0);

// GS1 General Specifications, section 7.9: weights 3 and 1 from the right, check digit to the next ten.
export const gtinIsValid = code => /^\d{13}$/.test(code) && digitsSum(code, (d, i) => d * (i % 2 ? 3 : 1)) % 10 === 0;
// ISO/IEC 7812-1, annex B.
export const luhnIsValid = code => digitsSum(code, (d, i) => (i % 2 ? (d > 4 ? 2 * d - 9 : 2 * d) : d)) % 10 === 0;

const withCheckDigit = (body, isValid) => [...'0123456789'].map(d => body + d).find(isValid);
/** An article number in the range GS1 keeps for examples (952) or, with `prefix` 2x, for a shop's own use. */
export const gtin = (n, prefix = '952') => withCheckDigit(prefix + String(n).padStart(12 - prefix.length, '0'), gtinIsValid);
/** The n-th loyalty card of this tape: 6009200 and nine digits. */
export const member = n => withCheckDigit('6009200' + String(n).padStart(8, '0'), luhnIsValid);

/** Decimal text times minor units, rounded half up, without floating point. */
export function times(quantity, unit) {
  const [, sign, whole, fraction = ''] = /^(-?)(\d+)(?:\.(\d+))?$/.exec(quantity);
  const scale = 10n ** BigInt(fraction.length);
  const product = BigInt(whole + fraction) * BigInt(unit);
  const rounded = Number((2n * product + scale) / (2n * scale));
  return sign ? -rounded : rounded;
}

const line = kind => (description, amount, more = {}) => ({ kind, description, amount, ...more });
export const item = line('item');
export const less = line('discount');
export const deposit = line('deposit');
export const fee = line('fee');
export const giftCard = line('gift_card');
/** `quantity` pieces (or kg, litres) at `unit`: prints a quantity line. `more.unitText` where it is not a whole minor unit. */
export const many = (description, quantity, unit, more = {}) =>
  ({ kind: 'item', description, quantity, unit, amount: times(quantity, unit), ...more });
/** The line that takes `of` back. It is printed; in the truth it shows only as `voided` on `of`. */
export function takeBack(of, description) {
  of.voided = true;
  return { kind: 'void', description, amount: -of.amount, of, code: of.code };
}
/** A return: the same lines with the amounts turned. */
export const back = lines => lines.map(l => ({ ...l, amount: -l.amount }));

const tender = type => (amount, text, more = {}) => ({ type, amount, text, ...more });
export const cash = tender('cash');
export const voucher = tender('voucher');
export const giftCardPaid = tender('gift_card');
export const mobile = tender('mobile');
export const points = tender('points');
/** `text` may show brand and last four digits; what is not on the paper is left out. */
export const card = (amount, text, brand, last4) =>
  ({ type: 'card', amount, text, ...(brand && { brand }), ...(last4 && { last4 }) });

const total = list => list.reduce((sum, value) => sum + value, 0);
const roundedDiv = (a, b) => Math.sign(a) * Math.floor((2 * Math.abs(a) + b) / (2 * b));

/** Tax per rate, in the order of `m.rates` {code: per cent times 100}. A line's `code` names its rate. */
function taxTable(m) {
  const live = m.lines.filter(l => !l.voided && l.kind !== 'void');
  return Object.entries(m.rates).map(([code, rate]) => {
    const amount = total(live.filter(l => l.code === code).map(l => l.amount));
    const tax = m.taxAdded ? roundedDiv(amount * rate, 10000) : roundedDiv(amount * rate, 10000 + rate);
    return { code, rate, tax, net: m.taxAdded ? amount : amount - tax, gross: m.taxAdded ? amount + tax : amount, live: amount !== 0 };
  }).filter(row => row.live);
}

/**
 * Completes a receipt: {kind, number, operator, lines, rates, taxAdded, rounding, tenders, member {card, show}, coupons}.
 * `sum` overrides the lines' sum (a receipt that does not close), `tenders` may be a function of the total.
 */
export function receipt(m) {
  const r = { kind: 'sale', rates: null, taxAdded: false, rounding: 0, coupons: [], printedTime: null, subtotal: null, ...m };
  for (const l of r.lines) l.code ??= r.rates ? Object.keys(r.rates)[0] : null;
  const live = r.lines.filter(l => !l.voided && l.kind !== 'void');
  r.beforeDiscounts = total(r.lines.filter(l => l.kind !== 'discount').map(l => l.amount));
  r.net = m.sum ?? total(live.map(l => l.amount));
  r.taxes = r.rates ? taxTable(r) : [];
  r.tax = r.rates ? total(r.taxes.map(row => row.tax)) : null;
  r.total = r.net + (r.taxAdded ? r.tax : 0) + r.rounding;
  r.tenders = typeof m.tenders === 'function' ? m.tenders(r.total) : m.tenders;
  r.change = r.tenders.length ? total(r.tenders.map(t => t.amount)) - r.total : 0;
  return r;
}

const truthLine = l => ({
  kind: l.kind, description: l.description, gtin: l.gtin ?? null, quantity: l.quantity ?? '1',
  unit_price: l.unit ?? null, amount: l.amount, voided: Boolean(l.voided),
});

export function truthOf(r) {
  const discounts = r.lines.filter(l => l.kind === 'discount');
  const { card: number, show, scanned } = r.member ?? {};
  return {
    type: { sale: 'sale.completed', return: 'sale.returned', void: 'sale.voided' }[r.kind],
    kind: r.kind, receipt_number: r.number ?? null, printed_time: r.printedTime, operator: r.operator ?? null,
    lines: r.lines.filter(l => l.kind !== 'void').map(truthLine),
    subtotal: r.subtotal, discount: discounts.length ? total(discounts.map(l => l.amount)) : null,
    tax: r.tax, tax_included: r.tax === null ? null : !r.taxAdded, rounding: r.rounding, total: r.total,
    tenders: r.tenders.map(({ text, ...t }) => t), change: r.change,
    card: number && (show === 'full' || scanned) ? number : null,
    coupons: r.coupons.map(code => ({ code, scheme: /^\d{11,}$/.test(code) ? 'gs1' : 'store' })),
    reconciled: r.reconciled ?? true,
  };
}
