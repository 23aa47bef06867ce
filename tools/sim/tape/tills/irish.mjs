// SPDX-License-Identifier: Apache-2.0
// An Irish supermarket: euro signs, minus signs behind the figure, bag levy, bottle deposit, a VAT summary at the foot.

import { clockText, dot, percent, stamp, trailing } from '../format.mjs';
import { back, card, cash, deposit, fee, item, less, many, member, mobile, receipt, voucher } from '../model.mjs';

const money = dot;
const euro = v => '€' + money(Math.abs(v));
const shown = trailing(money);
const RATES = { A: 0, B: 1350, C: 2300 };

function line(s, l) {
  s.row((l.kind === 'discount' ? ' ' : '') + l.description, shown(l.amount) + (l.kind === 'discount' || l.amount < 0 ? '' : ' ') + (l.kind === 'item' ? l.code : ' '));
  if (l.weighed) s.text(`   ${l.quantity} kg @ €${money(l.unit)}/kg`);
  else if (l.quantity) s.text(`   ${l.quantity} x €${money(l.unit)}`);
}

function vatSummary(s, r) {
  s.feed().cells([['VAT', 3, 'left'], ['Rate', 7, 'right'], ['Net', 9, 'right'], ['VAT', 8, 'right'], ['Gross', 0, 'right']]);
  for (const row of r.taxes) {
    s.cells([[row.code, 3, 'left'], [`${percent(row.rate, '.', 1)}%`, 7, 'right'], [shown(row.net), 9, 'right'], [shown(row.tax), 8, 'right'], [shown(row.gross), 0, 'right']]);
  }
  s.row('TOTAL VAT', shown(r.tax));
}

function payment(s, r) {
  if (r.rounding) {
    r.subtotal = r.net;
    s.row('SUB TOTAL', euro(r.net)).row('ROUNDING', shown(r.rounding));
  }
  s.row(r.kind === 'return' ? 'REFUND DUE' : 'BALANCE DUE', r.kind === 'return' ? shown(r.total) : euro(r.total), { bold: true });
  for (const p of r.tenders) s.row(p.text, shown(p.amount));
  if (r.change) s.row('CHANGE DUE', euro(r.change));
}

function layout(s, t, r, copyAt) {
  s.center('KILBRACK STORES', { bold: true, tall: true }).center('Main Street, Kilbrack').center('VAT REG IE 8Z41907K');
  if (copyAt) s.center('*** DUPLICATE RECEIPT ***', { invert: true });
  if (r.kind === 'return') s.center('** REFUND **', { bold: true });
  s.feed();
  for (const l of r.lines) line(s, l);
  s.rule('-');
  payment(s, r);
  vatSummary(s, r);
  const saved = -r.lines.filter(l => l.kind === 'discount').reduce((a, l) => a + l.amount, 0);
  if (saved > 0) s.center(`You saved ${euro(saved)} today`);
  if (r.member) s.text(`Club No. ${r.member.show === 'full' ? r.member.card : 'XXXXXXXXXXXX' + r.member.card.slice(-4)}`);
  s.text(`${stamp(r, t, 'DD/MM/YYYY HH:mm')}  Store 0042 Till 07`).text(`Receipt ${r.number}   Cashier ${r.operator}`);
  if (copyAt) s.text(`Reprinted ${clockText(copyAt, 'DD/MM/YYYY HH:mm')}`);
  s.center('Go raibh maith agat').cut();
  if (!copyAt && r.tenders.some(p => p.type === 'cash')) s.drawer();
  return r;
}

const sale = m => receipt({ rates: RATES, ...m });
const rpe = { encoder: 'receipt-printer-encoder', codepage: 'cp858', columns: 42 };
const line42 = { encoder: 'receiptline', codepage: 'cp858', columns: 42, spacing: true };
const A = { code: 'A' }, B = { code: 'B' }, C = { code: 'C' };

const cashSale = () => sale({
  number: '0307115', operator: '204', rounding: -2, member: { card: member(4106), show: 'masked', scanned: true, scanText: `]C0${member(4106)}` },
  lines: [item('BROWN SODA BREAD', 219, A), many('BUTTER SALTED 454G', '2', 389, A), less('ANY 2 FOR €7.00', -78, A), item('LEMONADE 2L', 215, C), deposit('DRS DEPOSIT', 25, A),
    fee('PLASTIC BAG LEVY', 22, C), item('MATCHES 3 PACK', 99, C)],
  tenders: [cash(2000, 'CASH')],
});

export default {
  name: 'irish', money,
  slips: [
    { id: 'ie_cash_rounding', made: rpe, paper: (s, t) => layout(s, t, cashSale()) },
    { id: 'ie_contactless', made: line42, paper: (s, t) => layout(s, t, sale({
      number: '0307118', operator: '204',
      lines: [item('HAM CARVERY 200G', 349, A), many('SCALLIONS LOOSE', '0.380', 395, { ...A, weighed: true }), item('HOT CHICKEN ROLL', 495, B), item('SHAMPOO 400ML', 450, C)],
      tenders: total => [card(total, 'VISA DEBIT **** **** **** 3318', 'VISA', '3318')],
    })) },
    { id: 'ie_apple_pay', made: { ...rpe, codepage: 'iso8859-15' }, paper: (s, t) => layout(s, t, sale({
      number: '0307124', operator: '211', member: { card: member(4107), show: 'full' },
      lines: [item('PORRIDGE OATS 1KG', 285, A), item('OAT MILK 1L', 235, A), many('CANDLES', '4', 150, C), less('25% OFF CANDLES', -150, C)],
      tenders: total => [mobile(total, 'APPLE PAY')],
    })) },
    { id: 'ie_duplicate', made: rpe, repeats: 'ie_cash_rounding', paper: (s, t, now) => layout(s, t, cashSale(), now) },
    { id: 'ie_voucher_and_cash', made: line42, paper: (s, t) => layout(s, t, sale({
      number: '0307131', operator: '211', lines: [item('STOUT 4 X 500ML', 1060, C), deposit('DRS DEPOSIT', 60, A), item('CRISPS 6 PACK', 320, C)],
      tenders: [voucher(345, 'DRS VOUCHER'), cash(2000, 'CASH')],
    })) },
    { id: 'ie_refund', made: rpe, paper: (s, t) => layout(s, t, sale({
      kind: 'return', number: '0307140', operator: '211', lines: back([item('TOASTER 2 SLICE', 2999, C), many('BULB E27', '2', 425, C)]),
      tenders: total => [cash(total, 'CASH')],
    })) },
  ],
};
