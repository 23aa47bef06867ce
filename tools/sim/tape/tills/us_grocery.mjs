// SPDX-License-Identifier: Apache-2.0
// An American grocer's till: tax added after a subtotal, letters behind prices, club savings under the item, "VOID" lines.

import { dot, percent, stamp } from '../format.mjs';
import { back, card, cash, deposit, fee, giftCardPaid, item, less, many, member, receipt, takeBack } from '../model.mjs';

const money = dot;
const indent = { discount: '   ', deposit: '   ', fee: '' };
const TAXED = { T: 625, F: 0 };

function line(s, l) {
  const flag = l.kind === 'discount' ? '  ' : l.code === 'T' ? ' T' : ' F';
  if (l.weighed) s.text(`  ${l.quantity} lb @ ${money(l.unit)} /lb`);
  s.row((indent[l.kind] ?? '') + l.description, money(l.amount) + flag);
  if (l.quantity && !l.weighed) s.text(`   ${l.quantity} @ ${money(l.unit)}`);
  if (l.coupon) s.text(`     CPN# ${l.coupon}`);
}

function memberLines(s, r) {
  if (!r.member) return;
  const { card: number, show } = r.member;
  if (show !== 'none') s.row('MEMBER', show === 'full' ? number : '************' + number.slice(-4));
  s.row('POINTS EARNED', String(Math.trunc(r.total / 100)));
}

function layout(s, t, r) {
  s.center('HOLLOWAY FOODS', { bold: true, wide: true }).center('1200 ORCHARD PIKE   555-0142');
  s.text(stamp(r, t, 'MM/DD/YY hh:mm A') + `  STR 0042 REG 07 OP ${r.operator}`).text(`TRANS ${r.number}`);
  if (r.head) s.center(r.head, { bold: true });
  s.rule('-');
  for (const l of r.lines) line(s, l);
  s.rule('-');
  r.subtotal = r.net;
  s.row('SUBTOTAL', `${money(r.net)}  `);
  s.row(`TAX ${percent(TAXED.T, '.', 2)}%${r.taxNote ?? ''}`, `${money(r.tax)}  `);
  s.row('TOTAL', `${money(r.total)}  `, { bold: true });
  for (const p of r.tenders) s.row(p.text, `${money(p.amount)}  `);
  if (r.kind === 'sale') s.row('CHANGE', `${money(r.change)}  `);
  s.feed();
  memberLines(s, r);
  const saved = r.lines.filter(l => l.kind === 'discount').reduce((a, l) => a - l.amount, 0);
  if (saved > 0) s.row('YOU SAVED TODAY', money(saved));
  if (r.foot) s.center(r.foot);
  s.center('THANK YOU - COME AGAIN').barcode(`4207${r.number}`).cut();
  if (r.tenders.some(p => p.type === 'cash')) s.drawer();
  return r;
}

const sale = m => receipt({ rates: TAXED, taxAdded: true, ...m });
const line42 = { encoder: 'receiptline', codepage: 'cp437', columns: 42 };
const rpe42 = { encoder: 'receipt-printer-encoder', codepage: 'cp437', columns: 42 };
const F = { code: 'F' };

const milk = () => many('WHOLE MILK 1 GAL', '2', 329, F);
const bread = () => item('SOURDOUGH LOAF', 449, F);
const wipes = () => item('KITCHEN WIPES', 379);

export default {
  name: 'us-grocery', money,
  slips: [
    { id: 'us_cash_coupons', made: line42, paper: (s, t) => layout(s, t, sale({
      number: '001187', operator: '17', member: { card: member(4101), show: 'masked', scanned: true }, coupons: ['10000091203'],
      lines: [milk(), less('CLUB SAVINGS', -60, F), bread(), item('CORN FLAKES 18 OZ', 469, F), less('MFR COUPON', -100, { ...F, coupon: '10000091203' }),
        wipes(), many('YOGURT CUP PEACH', '5', 89, F), less('CLUB SAVINGS', -45, F)],
      tenders: [cash(3000, 'CASH')],
    })) },
    { id: 'us_visa_weighed', made: rpe42, paper: (s, t) => layout(s, t, sale({
      number: '001188', operator: '17', member: { card: member(4102), show: 'full' },
      lines: [many('BANANAS', '1.24', 59, { ...F, weighed: true }), many('ROMA TOMATOES', '2.07', 149, { ...F, weighed: true }), item('SPARKLING WATER 12PK', 599),
        deposit('CRV DEPOSIT', 60), item('CHICKEN THIGHS', 874, F), fee('BAG FEE', 10)],
      tenders: total => [card(total, 'VISA ****4270', 'VISA', '4270')],
    })) },
    { id: 'us_void_line', made: { ...rpe42, model: 'epson-tm-t88v' }, paper: (s, t) => {
      const soup = item('TOMATO SOUP 4PK', 556, F);
      return layout(s, t, sale({
        number: '001191', operator: '23',
        lines: [bread(), soup, item('DISH SOAP', 299), takeBack(soup, 'VOID TOMATO SOUP 4PK'), item('ONIONS 3 LB', 318, F)],
        tenders: total => [giftCardPaid(500, 'GIFT CARD ****0093'), cash(total - 500, 'CASH')],
      }));
    } },
    { id: 'us_refund', made: rpe42, paper: (s, t) => layout(s, t, sale({
      kind: 'return', head: '*** REFUND ***', number: '001193', operator: '23', member: { card: member(4102), show: 'masked' },
      lines: back([wipes(), many('PAPER TOWELS 6 ROLL', '2', 799), bread()]),
      tenders: total => [card(total, 'VISA ****4270', 'VISA', '4270')], foot: 'ORIG TRANS 000964 11/18/26',
    })) },
    { id: 'us_tax_label_lies', made: line42, paper: (s, t) => layout(s, t, sale({
      number: '001196', operator: '17', taxNote: ' INCLUDED', member: { card: member(4103), show: 'none', scanned: true },
      lines: [item('CHARCOAL 16 LB', 1299), item('LIGHTER', 249), many('PAPER PLATES 50CT', '3', 399)],
      tenders: [cash(4000, 'CASH')],
    })) },
    { id: 'us_post_void', made: line42, paper: (s, t) => layout(s, t, sale({
      kind: 'void', head: '**** POST VOID OF TRANS 001196 ****', number: '001197', operator: '17',
      lines: back([item('CHARCOAL 16 LB', 1299), item('LIGHTER', 249), many('PAPER PLATES 50CT', '3', 399)]),
      tenders: total => [cash(total, 'CASH')],
    })) },
    { id: 'us_does_not_close', made: rpe42, paper: (s, t) => layout(s, t, sale({
      number: '001203', operator: '23', reconciled: false, sum: 2366,
      lines: [milk(), bread(), item('BATTERIES AA 8PK', 899)],
      tenders: [cash(3000, 'CASH')],
    })) },
    { id: 'us_thousands', made: { ...line42, columns: 48 }, paper: (s, t) => layout(s, t, sale({
      number: '001210', operator: '23', member: { card: member(4103), show: 'full' }, coupons: ['HOLLOWAY25'],
      lines: [item('GAS GRILL 4 BURNER', 109900), item('GRILL COVER', 5995), less('STORE COUPON', -2500, { coupon: 'HOLLOWAY25' }), milk()],
      tenders: total => [card(100000, 'MASTERCARD XXXXXXXXXXXX8801', 'MASTERCARD', '8801'), cash(total - 100000, 'CASH')],
    })) },
  ],
};
