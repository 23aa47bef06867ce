// SPDX-License-Identifier: Apache-2.0
// An Austrian grocer: "Rechnung", Zwischensumme, Bankomat, stickers off, the machine-readable code of the register.

import { comma, percent, quantity, stamp, trailing } from '../format.mjs';
import { back, card, cash, deposit, item, less, many, member, receipt, voucher } from '../model.mjs';

const money = comma;
const shown = trailing(money);
const RATES = { A: 2000, B: 1000 };

function layout(s, t, r) {
  if (r.kind === 'sale' && r.change) s.drawer();
  s.center('GREISSLEREI HOCHFELD', { bold: true }).center('Dorfplatz 3, 9999 Hochfeld').center('ATU99900112').feed();
  s.row(`Rechnung ${r.number}`, stamp(r, t, 'DD.MM.YYYY HH:mm:ss')).row('Filiale 0042 Kassa 07', `Es bediente: ${r.operator}`).rule('=');
  for (const l of r.lines) {
    s.row(`${l.code} ${l.description}`, shown(l.amount));
    if (l.quantity) s.text(`    ${quantity(l.quantity, ',')}${l.weighed ? ' kg' : ' Stk'} à ${money(l.unit)}`);
  }
  s.rule('=');
  if (r.wholeDiscount) {
    r.subtotal = r.beforeDiscounts;
    s.row('Zwischensumme', shown(r.beforeDiscounts)).row(r.wholeDiscount.description, shown(r.wholeDiscount.amount));
    r.lines.push(r.wholeDiscount);
  }
  s.row(r.kind === 'return' ? 'Rückzahlung EUR' : 'Summe EUR', shown(r.total), { bold: true, tall: true });
  for (const p of r.tenders) s.row(p.text, shown(p.amount));
  if (r.change) s.row('Retourgeld', shown(r.change));
  for (const x of r.taxes) s.text(`${x.code}: ${percent(x.rate, ',', 0)}% MwSt von ${shown(x.gross)} = ${shown(x.tax)}`);
  s.row('MwSt gesamt', shown(r.tax));
  if (r.member) s.text(`Vorteilskarte ${r.member.card}`);
  s.qr(`_R1-AT1_HOCHFELD07_${r.number}_${t.year}-${t.month}-${t.day}_Qm9uIE5ybG8=`).center('Danke & auf Wiedersehen').cut();
  return r;
}

/** A discount on the whole receipt is a line of the sale, but is printed after the subtotal. */
function sale(m) {
  const { wholeDiscount, ...rest } = m;
  const r = receipt({ rates: RATES, ...rest, lines: wholeDiscount ? [...m.lines, wholeDiscount] : m.lines });
  return wholeDiscount ? { ...r, lines: m.lines, wholeDiscount } : r;
}

const rpe = { encoder: 'receipt-printer-encoder', codepage: 'iso8859-15', columns: 42 };
const line48 = { encoder: 'receiptline', codepage: 'cp1252', columns: 48 };
const B = { code: 'B' };

export default {
  name: 'austrian', money,
  slips: [
    { id: 'at_bar', made: rpe, paper: (s, t) => layout(s, t, sale({
      number: '26-09813', operator: 'Resi', lines: [many('Semmel', '5', 45, B), many('Bergkäse', '0.286', 2190, { ...B, weighed: true }), many('Almdudel 0,5L', '2', 129), deposit('Einwegpfand 2x', 50)],
      tenders: [cash(2000, 'Gegeben bar')],
    })) },
    { id: 'at_bankomat_pickerl', made: line48, paper: (s, t) => layout(s, t, sale({
      number: '26-09817', operator: 'Resi', member: { card: member(4114), show: 'full' },
      lines: [item('Kürbiskernöl 0,25L', 899, B), less('Rabattpickerl -25%', -225, B), item('Kaffee gemahlen 500g', 749, B), item('Geschirrtücher', 1290)],
      tenders: total => [card(total, 'Bankomat ****6120', null, '6120')],
    })) },
    { id: 'at_gesamtrabatt', made: { ...rpe, columns: 48 }, paper: (s, t) => layout(s, t, sale({
      number: '26-09822', operator: 'Franz', lines: [many('Honig 500g', '3', 790, B), item('Marillenmarmelade', 520, B)],
      wholeDiscount: less('Stammkundenrabatt 5%', -145, B), tenders: [voucher(2000, 'Gutschein'), cash(1000, 'Gegeben bar')],
    })) },
    { id: 'at_rueckgabe', made: line48, paper: (s, t) => layout(s, t, sale({
      kind: 'return', number: '26-09830', operator: 'Franz', lines: back([item('Geschirrtücher', 1290)]), tenders: total => [cash(total, 'Ausbezahlt bar')],
    })) },
  ],
};
