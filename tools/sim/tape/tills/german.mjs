// SPDX-License-Identifier: Apache-2.0
// A German supermarket: quantity before the item, Pfand, tax letters with a table A/B, Kundenbeleg of the card terminal, TSE block.

import { clockText, comma, percent, quantity, stamp } from '../format.mjs';
import { back, card, cash, deposit, gtin, item, less, many, member, mobile, receipt, takeBack, voucher } from '../model.mjs';

const money = comma;
const RATES = { A: 1900, B: 700 };

function line(s, l) {
  if (l.weighed) s.text(`   ${quantity(l.quantity, ',')} kg x ${money(l.unit)} EUR/kg`);
  else if (l.quantity) s.text(`   ${quantity(l.quantity, ',')} x ${money(l.unit)}`);
  s.row((l.kind === 'discount' ? '  ' : '') + l.description, `${money(l.amount)} ${l.kind === 'void' ? l.of.code : l.code}`);
  if (l.coupon) s.text(`   Coupon-Nr. ${l.coupon}`);
  if (l.gtin) s.text(`   EAN ${l.gtin}`);
}

function taxes(s, r) {
  const [first, second, third] = s.columns < 40 ? [8, 7, 6] : [9, 10, 9];
  const cells = (name, net, tax, gross) => s.cells([[name, first, 'left'], [net, second, 'right'], [tax, third, 'right'], [gross, 0, 'right']]);
  const row = (name, ...amounts) => cells(name, ...amounts.map(money));
  s.feed();
  cells('Steuer', 'Netto', 'Steuer', 'Brutto');
  const add = key => r.taxes.reduce((a, x) => a + x[key], 0);
  for (const x of r.taxes) row(`${x.code}=${percent(x.rate, ',', 1)}%`, x.net, x.tax, x.gross);
  if (r.taxes.length > 1) row('Gesamt', add('net'), add('tax'), add('gross'));
}

function terminalSlip(s, r, p) {
  s.feed().center('* *  Kundenbeleg  * *').text(`Terminal-ID 54093321`).text('TA-Nr 004417   BNr 0871');
  s.text('Kartenzahlung').text(`${p.brand} kontaktlos`).text(`Nr. ${'#'.repeat(12)}${p.last4} 0001`);
  s.row('Betrag EUR', money(p.amount)).text('Autorisierungsnr. 331870').text('Zahlung erfolgt');
}

function security(s, r, t) {
  s.feed().text(`TSE-Transaktion: ${Number(r.number) + 88120}`).texts(' ', 'TSE-Start:', `${clockText({ ...t, second: 1 }, 'YYYY-MM-DDTHH:mm:ss')}.000`);
  s.text('TSE-Seriennr.: f1b7c2a96e04d85b').texts(' ', 'Signatur:', 'Zr8kT/q2bVxLm4uYpA0wHjE6sNc==');
}

function layout(s, t, r, copyAt) {
  s.center('FRISCHECK BRANDL', { bold: true, wide: true }).center('Lindenweg 8, 12345 Musterau').center('UID-Nr. DE 999 012 344');
  if (copyAt) s.center('*** KOPIE ***', { bold: true, wide: true });
  if (r.head) s.center(r.head, { bold: true, tall: true });
  s.right('EUR');
  for (const l of r.lines) line(s, l);
  if (r.cutBeforeTotal) s.cut();
  s.rule(r.rule ?? '-').row('SUMME', `EUR ${money(r.total)}`, { bold: true, wide: s.columns >= 42 });
  s.rule(r.rule ?? '-');
  for (const p of r.tenders) s.row(p.text, `EUR ${money(p.amount)}`);
  if (r.change) s.row('Rückgeld BAR', `EUR ${money(-r.change)}`);
  taxes(s, r);
  s.feed().texts('   ', `Datum: ${stamp(r, t, 'DD.MM.YYYY')}`, `Uhrzeit: ${stamp(r, t, 'HH:mm:ss')} Uhr`);
  s.texts('  ', 'Markt 0042', 'Kasse 07', `Bediener ${r.operator}`).text(`Bon-Nr. ${r.number}`);
  if (r.refers) s.text(r.refers);
  for (const p of r.tenders.filter(x => x.type === 'card' && r.kind === 'sale')) terminalSlip(s, r, p);
  if (r.member) s.feed().text(r.member.show === 'full' ? `Kundenkarte ${r.member.card}` : `Kundenkarte ************${r.member.card.slice(-4)}`).text(`Punkte diesmal: ${Math.floor(r.total / 200)}`);
  security(s, r, t);
  s.feed().center(r.foot ?? 'Vielen Dank für Ihren Einkauf').cut();
  if (!copyAt && r.tenders.some(p => p.type === 'cash')) s.drawer();
  return r;
}

const sale = m => receipt({ rates: RATES, ...m });
const girocard = last4 => total => [card(total, 'Girocard', 'Girocard', last4)];
const line42 = { encoder: 'receiptline', codepage: 'cp858', columns: 42 };
const rpe42 = { encoder: 'receipt-printer-encoder', codepage: 'windows1252', columns: 42 };
const B = { code: 'B' };
const water = () => [many('MINERALWASSER 1,5L', '6', 49), many('PFAND', '6', 25, { kind: 'deposit' })];

const girocardSale = () => sale({
  number: '4712', operator: '31', lines: [item('BIO VOLLMILCH 3,8%', 125, B), many('ÄPFEL BRAEBURN', '1.482', 299, { ...B, weighed: true }), item('KÄSE BERGBLUME 200G', 349, B), item('SPÜLMITTEL', 145)],
  tenders: girocard('2291'),
});

export default {
  name: 'german', money,
  slips: [
    { id: 'de_bar_pfand', made: line42, paper: (s, t) => layout(s, t, sale({
      number: '4711', operator: '31', member: { card: member(4108), show: 'full' },
      lines: [...water(), item('ROGGENBROT 750G', 289, B), many('BUTTER', '2', 219, B), deposit('LEERGUT', -325)],
      tenders: [cash(2000, 'Gegeben BAR')],
    })) },
    { id: 'de_girocard', made: { ...line42, codepage: 'cp1252' }, paper: (s, t) => layout(s, t, girocardSale()) },
    { id: 'de_storno_rabatt_coupon', made: rpe42, paper: (s, t) => {
      const olives = item('OLIVEN GRÜN 180G', 199, B);
      return layout(s, t, sale({
        number: '4715', operator: '08', member: { card: member(4109), show: 'masked', scanned: true }, coupons: [gtin(4200150, '99')],
        lines: [olives, item('HACKFLEISCH 500G', 499, B), less('Rabatt 30%', -150, B), takeBack(olives, 'STORNO OLIVEN GRÜN 180G'),
          item('WEICHSPÜLER 1L', 279), less('Coupon', -50, { coupon: gtin(4200150, '99') }), item('KÜCHENROLLE', 245, { gtin: gtin(77, '21') })],
        tenders: [cash(1523, 'Gegeben BAR')],
      }));
    } },
    { id: 'de_retoure', made: line42, paper: (s, t) => layout(s, t, sale({
      kind: 'return', head: 'RÜCKGABE', number: '4718', operator: '08', lines: back([item('WASSERKOCHER 1,7L', 2499), less('Rabatt 10%', -250), item('KÜCHENROLLE', 245)]),
      tenders: total => [cash(total, 'Auszahlung BAR')], refers: 'zu Bon 003954 vom 19.11.2026',
    })) },
    { id: 'de_storno_bon', made: rpe42, paper: (s, t) => layout(s, t, sale({
      kind: 'void', head: 'STORNO-BON', number: '4721', operator: '08', lines: back([item('PRALINEN 250G', 899, B), item('SEKT TROCKEN 0,75L', 649)]),
      tenders: total => [cash(total, 'BAR')], refers: 'Storno zu Bon 004720',
    })) },
    { id: 'de_kopie', made: { ...line42, codepage: 'cp1252' }, repeats: 'de_girocard', paper: (s, t, now) => layout(s, t, girocardSale(), now) },
    { id: 'de_tausender', made: { ...line42, columns: 48, tabular: true }, paper: (s, t) => layout(s, t, sale({
      number: '4730', operator: '31', member: { card: member(4110), show: 'full' }, cutBeforeTotal: true,
      lines: [item('E-BIKE TOUR 28 ZOLL', 119900, { gtin: gtin(4410) }), item('FAHRRADHELM M', 3456, { gtin: gtin(4411) }), many('SCHLOSS FALT', '2', 2990), item('MÜSLIRIEGEL', 99, B)],
      tenders: girocard('8806'),
    })) },
    { id: 'de_gutschein_bar', made: rpe42, paper: (s, t) => layout(s, t, sale({
      number: '4733', operator: '08', rule: '=', foot: 'Code für den nächsten Einkauf: DANKE26',
      lines: [item('TULPEN BUND', 499, B), item('GEBURTSTAGSKARTE', 250), ...water()],
      tenders: [voucher(1000, 'GUTSCHEIN'), cash(500, 'Gegeben BAR')],
    })) },
    { id: 'de_schmal_google_pay', made: { ...rpe42, columns: 32, codepage: 'cp858', newline: '\n' }, paper: (s, t) => layout(s, t, sale({
      number: '4739', operator: '31', member: { card: member(4111), show: 'masked', scanned: true },
      lines: [item('KAFFEE CREMA 1KG', 1399, B), less('Aktion', -300, B), item('ZAHNPASTA', 175)],
      tenders: total => [mobile(total, 'Google Pay')],
    })) },
    { id: 'de_karte_maskiert_ohne_scan', made: { ...line42, codepage: 'cp858' }, paper: (s, t) => layout(s, t, sale({
      number: '4744', operator: '31', member: { card: member(4109), show: 'masked' },
      lines: [many('HEFE FRISCH', '3', 19, B), item('MEHL TYPE 405', 79, B), item('BACKPAPIER', 159)],
      tenders: [cash(300, 'Gegeben BAR')],
    })) },
  ],
};
