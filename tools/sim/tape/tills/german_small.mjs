// SPDX-License-Identifier: Apache-2.0
// Small German tills: a bakery on narrow paper without receipt numbers, a pharmacy, a petrol station.

import { comma, quantity, stamp } from '../format.mjs';
import { card, cash, fee, item, less, many, member, points, receipt } from '../model.mjs';

const money = comma;

/** Two lines an item, no number, and of the time only the day: two customers may well get the same paper. */
function bakery(s, t, r) {
  s.center('Backhaus Ährengold').center('Handwerk seit heute früh').center(stamp(r, t, 'DD.MM.YYYY')).rule('-');
  for (const l of r.lines) {
    s.text(l.description).row(`  ${l.quantity} x ${money(l.unit)}`, money(l.amount));
  }
  s.rule('-').row('Summe', money(r.total), { bold: true });
  for (const p of r.tenders) s.row(p.text, money(p.amount));
  if (r.change) s.row('Zurück', money(r.change));
  s.row(`inkl. 7% MwSt`, money(r.tax)).center('Guten Appetit!').cut().drawer();
  return r;
}

function pharmacy(s, t, r) {
  s.logo('wave').center('LINDEN-APOTHEKE', { bold: true }).center('Inh. Dr. R. Musterfrau e.K.').feed();
  s.row('Quittung', r.number).row(stamp(r, t, 'DD.MM.YY HH:mm'), 'Kasse 07').rule();
  for (const l of r.lines) {
    s.row(l.description, money(l.amount));
    if (l.pzn) s.text(`  PZN ${l.pzn}`);
  }
  s.rule().row('Gesamtbetrag EUR', money(r.total), { bold: true, tall: true }).row('enth. MwSt 19%', money(r.tax));
  for (const p of r.tenders) s.row(p.text, money(p.amount));
  if (r.change) s.row('Rückgeld', money(r.change));
  s.text(`Es bediente Sie: ${r.operator}`);
  if (r.member) s.text(`Kundennr. ${r.member.card}`);
  s.center('Gute Besserung!').qr(`https://linden-apotheke.example/q/${r.number}`).cut();
  return r;
}

function petrol(s, t, r) {
  s.center('TANKHOF SÜD', { bold: true, wide: true }).center('Station 0042').feed();
  s.row('Beleg-Nr.', r.number).row('Datum', stamp(r, t, 'DD.MM.YYYY HH:mm')).feed();
  for (const l of r.lines) {
    s.row(l.description, `${money(l.amount)} EUR`);
    if (l.unitText) s.text(` ${quantity(l.quantity, ',')} Liter x ${l.unitText} EUR/L`);
  }
  s.feed().row('ZU ZAHLEN', `${money(r.total)} EUR`, { bold: true });
  for (const p of r.tenders) s.row(p.text, `${money(p.amount)} EUR`);
  s.row('davon 19,00% MwSt.', `${money(r.tax)} EUR`);
  if (r.member) s.text(`Treuekarte: ${r.member.show === 'full' ? r.member.card : '*'.repeat(12) + r.member.card.slice(-4)}`);
  s.center('Gute Fahrt!').cut();
  return r;
}

/** Fuel is priced in tenths of a cent: there is no unit price in minor units. */
const fuel = (description, litres, unitText, amount) => item(description, amount, { quantity: litres, unitText });
const bakerySale = (lines, given) => receipt({ rates: { B: 700 }, lines, tenders: [cash(given, 'Bar')] });
const rolls = () => bakerySale([many('Roggenbrötchen', '4', 55), many('Butterhörnchen', '2', 140)], 1000);
const narrow = { encoder: 'receipt-printer-encoder', codepage: 'cp437', columns: 32, newline: '\n' };

export default {
  name: 'german-small', money,
  slips: [
    { id: 'bakery_no_number', made: narrow, paper: (s, t) => bakery(s, t, rolls()) },
    { id: 'bakery_same_paper_next_customer', made: narrow, paper: (s, t) => bakery(s, t, rolls()) },
    { id: 'pharmacy_night', made: { encoder: 'receiptline', codepage: 'cp1252', columns: 42 }, paper: (s, t) => pharmacy(s, t, receipt({
      rates: { A: 1900 }, number: 'Q-20417', operator: 'Fr. Wendt', member: { card: member(4112), show: 'full' },
      lines: [item('HUSTENSAFT EFEU 100ML', 895, { pzn: '09990123' }), item('NASENSPRAY 10ML', 475, { pzn: '09990456' }), fee('Notdienstgebühr', 250)],
      tenders: [cash(2000, 'Bar')],
    })) },
    { id: 'pharmacy_card', made: { encoder: 'receipt-printer-encoder', codepage: 'windows1252', columns: 42, imageMode: 'column' }, paper: (s, t) => pharmacy(s, t, receipt({
      rates: { A: 1900 }, number: 'Q-20422', operator: 'Hr. Aydin',
      lines: [item('SONNENCREME LSF 50', 1895, { pzn: '09990789' }), less('Kundenrabatt 10%', -190), item('ZUZAHLUNG REZEPT', 500)],
      tenders: total => [card(total, 'Maestro ************0417', 'Maestro', '0417')],
    })) },
    { id: 'petrol_visa', made: { encoder: 'receiptline', codepage: 'cp437', columns: 32, command: 'generic' }, paper: (s, t) => petrol(s, t, receipt({
      rates: { A: 1900 }, number: '118204', lines: [fuel('*04 SUPER E10', '41.37', '1,659', 6863)],
      tenders: total => [card(total, 'VISA XXXXXXXX9920', 'VISA', '9920')],
    })) },
    { id: 'petrol_points', made: { encoder: 'receipt-printer-encoder', codepage: 'cp850', columns: 42 }, paper: (s, t) => petrol(s, t, receipt({
      rates: { A: 1900 }, number: '118211', member: { card: member(4113), show: 'masked', scanned: true },
      lines: [fuel('*02 DIESEL', '52.08', '1,589', 8276), item('AUTOWÄSCHE GLANZ', 1290), less('AKTION WÄSCHE -3,00', -300)],
      tenders: total => [points(1000, 'PUNKTE EINGELÖST'), card(total - 1000, 'V PAY ************7753', 'V PAY', '7753')],
    })) },
  ],
};
