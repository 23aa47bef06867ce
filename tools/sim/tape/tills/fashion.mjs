// SPDX-License-Identifier: Apache-2.0
// A fashion shop: few lines in a table of columns, the article number under each, percentages off, exchanges and gift cards.

import { dot, stamp } from '../format.mjs';
import { card, fee, giftCard, giftCardPaid, gtin, item, less, member, points, receipt } from '../model.mjs';

const money = dot;

function line(s, l, shown) {
  const amount = shown(l.amount);
  if (l.kind !== 'item') return s.cells([['', 3, 'left'], [l.description, 0, 'left'], [amount, 10, 'right']]);
  s.cells([[l.quantity ?? '1', 3, 'right'], [l.description, 0, 'left'], [shown(l.unit ?? l.amount), 9, 'right'], [amount, 10, 'right']]);
  s.text(`    ${l.gtin}`);
}

function layout(s, t, r) {
  const shown = r.unsigned ? v => money(Math.abs(v)) : money;
  s.logo('leaf').center('LARCH & LOOM', { bold: true, wide: true, tall: true }).center('Clothing since last spring').feed();
  if (r.head) s.center(r.head, { bold: true, wide: true });
  s.cells([['Qty', 3, 'right'], ['Item', 0, 'left'], ['Price', 9, 'right'], ['Amount', 10, 'right']], { bold: true });
  s.rule('-');
  for (const l of r.lines) line(s, l, shown);
  s.rule('-');
  if (r.showSubtotal) {
    r.subtotal = r.net;
    s.row('Subtotal', shown(r.net));
  }
  s.row(r.taxText, shown(r.tax));
  s.row(r.totalText ?? 'TOTAL', shown(r.total), { bold: true, tall: true });
  for (const p of r.tenders) s.row(p.text, shown(p.amount));
  if (r.member) s.text(`Member no. ${r.member.card}`);
  if (r.foot) s.center(r.foot);
  s.center(`Sale ${r.number}   Till 07   Served by ${r.operator}`).center(stamp(r, t, 'DD MMM YYYY HH:mm:ss'));
  s.center('Keep this receipt: returns within 30 days').barcode(`LL${r.number}`).cut();
  return r;
}

const sale = m => receipt({ rates: { T: 2000 }, taxAdded: false, taxText: 'Tax incl. 20%', ...m });
/** Here a quantity and a price are always printed. */
const piece = (description, price, code, more = {}) => item(description, price, { quantity: '1', unit: price, gtin: gtin(code), ...more });
const line48 = { encoder: 'receiptline', codepage: 'cp1252', columns: 48, tabular: true };
const rpe48 = { encoder: 'receipt-printer-encoder', codepage: 'windows1252', columns: 48, imageMode: 'raster' };

export default {
  name: 'fashion', money,
  slips: [
    { id: 'fashion_percent', made: line48, scans: [gtin(310), `]E0${gtin(311)}`], paper: (s, t) => layout(s, t, sale({
      number: '48210', operator: 'Ines', member: { card: member(4104), show: 'full' }, showSubtotal: true,
      lines: [piece('WOOL COAT NAVY 40', 18900, 310), less('Sale 20%', -3780), piece('LEATHER BELT', 3900, 311)],
      tenders: total => [card(total, 'Mastercard ************5102', 'Mastercard', '5102')],
    })) },
    { id: 'fashion_gift_card_sold', made: rpe48, paper: (s, t) => layout(s, t, sale({
      number: '48213', operator: 'Ines',
      lines: [piece('COTTON SCARF', 2450, 312), giftCard('GIFT CARD ACTIVATION', 5000, { code: 'Z' }), fee('GIFT WRAPPING FEE', 250)], rates: { T: 2000, Z: 0 },
      tenders: total => [card(total, 'AMEX ***********1009', 'AMEX', '1009')], foot: 'Gift card balance 50.00',
    })) },
    { id: 'fashion_exchange', made: line48, paper: (s, t) => layout(s, t, sale({
      number: '48217', operator: 'Pol', showSubtotal: true,
      lines: [item('RETURN SHIRT WHITE M', -3995, { quantity: '-1', unit: 3995, gtin: gtin(319) }), piece('SHIRT WHITE L', 3995, 314), piece('SOCKS 3 PAIR', 1290, 315)],
      tenders: [giftCardPaid(1290, 'Gift card ************7714')], foot: 'Gift card balance 37.10',
    })) },
    { id: 'fashion_refund_unsigned', made: rpe48, paper: (s, t) => layout(s, t, sale({
      kind: 'return', head: 'REFUND', totalText: 'TOTAL REFUND', unsigned: true, number: '48220', operator: 'Pol',
      member: { card: member(4104), show: 'full' },
      lines: [item('LEATHER BELT', -3900, { quantity: '1', unit: 3900, gtin: gtin(311) })],
      tenders: total => [card(total, 'Mastercard ************5102', 'Mastercard', '5102')],
    })) },
    { id: 'fashion_tax_only_looks_added', made: line48, paper: (s, t) => layout(s, t, sale({
      number: '48226', operator: 'Ines', member: { card: member(4105), show: 'full' }, showSubtotal: true, taxText: 'Sales tax 20%',
      lines: [piece('LINEN DRESS GREEN', 8900, 316), less('Member 10% off', -890), piece('STRAW HAT', 3200, 318)],
      tenders: total => [points(2000, 'Points redeemed (400)'), card(total - 2000, 'VISA ************6633', 'VISA', '6633')],
    })) },
    { id: 'fashion_gift_receipt', made: line48, paper: (s, t) => {
      s.logo('leaf').center('LARCH & LOOM', { bold: true }).center('GIFT RECEIPT', { bold: true, wide: true }).rule('-');
      s.cells([['1', 3, 'right'], ['LINEN DRESS GREEN', 0, 'left']]).text(`    ${gtin(316)}`);
      s.rule('-').center('For exchange within 30 days. No prices shown.').center(stamp({}, t, 'DD MMM YYYY HH:mm:ss')).barcode('LL48226').cut();
      return { what: 'gift receipt' };
    } },
  ],
};
