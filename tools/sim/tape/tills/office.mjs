// SPDX-License-Identifier: Apache-2.0
// What the same printer prints between sales: none of it is a sale, though much of it has items, totals and card numbers' ends.

import { clockText, comma, dot } from '../format.mjs';
import { gtin, member } from '../model.mjs';

const rpe = { encoder: 'receipt-printer-encoder', codepage: 'cp858', columns: 42 };
const rl = { encoder: 'receiptline', codepage: 'cp858', columns: 42 };
const paper = (what, print) => (s, t) => { print(s, t); s.cut(); return { what }; };

function zReport(s, t) {
  s.center('Z-BERICHT Nr. 0318', { bold: true, wide: true }).text(`Markt 0042 Kasse 07  ${clockText(t, 'DD.MM.YYYY HH:mm')}`).rule('-');
  for (const [name, amount] of [['Umsatz A 19%', 418244], ['Umsatz B 7%', 301770], ['SUMME EUR', 720014], ['Bar', 288105], ['Girocard', 398409], ['Gutscheine', 33500], ['Storno', -2148], ['Retouren', -4793]]) s.row(name, comma(amount));
  s.row('Anzahl Bons', '214').row('Kassenschublade geöffnet', '9').rule('-').center('*** TAGESABSCHLUSS ***');
}

function xReport(s, t) {
  s.center('X REPORT - NOT A CLOSE', { bold: true }).text(`STR 0042 REG 07 ${clockText(t, 'MM/DD/YY hh:mm A')}`).rule('-');
  for (const [name, amount] of [['GROSS SALES', 389204], ['REFUNDS', -5631], ['NET SALES', 383573], ['TAX COLLECTED', 9912], ['CASH', 101225], ['VISA', 204410], ['MASTERCARD', 77938]]) s.row(name, dot(amount));
  s.row('TRANSACTION COUNT', '131');
}

function kitchenOrder(s, t) {
  s.center('KÜCHE', { bold: true, wide: true, tall: true }).row('TISCH 14', clockText(t, 'HH:mm'), { tall: true }).rule('=');
  for (const text of ['2 x Käsespätzle', '   ohne Zwiebeln', '1 x Schnitzel mit Pommes', '3 x Apfelschorle 0,4']) s.text(text, 'left', { bold: !text.startsWith(' ') });
  s.rule('=').text('Bedienung: Mo');
}

function interimBill(s, t) {
  s.center('GASTHOF ZUR MÜHLE', { bold: true }).center('ZWISCHENRECHNUNG', { bold: true }).center('- kein Beleg, keine Rechnung -').text(`Tisch 14   ${clockText(t, 'DD.MM.YYYY HH:mm')}`).rule('-');
  for (const [name, amount] of [['2 Käsespätzle', 2580], ['1 Schnitzel mit Pommes', 1690], ['3 Apfelschorle 0,4', 1260]]) s.row(name, comma(amount));
  s.rule('-').row('Offener Betrag EUR', comma(5530), { bold: true });
}

function merchantSlip(s, t) {
  s.center('FRISCHECK BRANDL').center('H Ä N D L E R B E L E G', { bold: true }).text('Terminal-ID 54093321   TA-Nr 004418').text('Kartenzahlung Girocard');
  s.text('Nr. ############2291 0001').text(clockText(t, 'DD.MM.YYYY HH:mm:ss')).row('Betrag EUR', comma(4217), { bold: true }).feed().text('Unterschrift: ____________________');
}

function labels(s) {
  s.center('PRICE LABELS', { bold: true });
  for (const [name, price, n] of [['OAT BISCUITS 300G', 229, 610], ['BLACK TEA 80 BAGS', 349, 614], ['MARMALADE 340G', 289, 612]]) s.row(name, '€' + dot(price), { tall: true }).barcode(gtin(n), 'ean13');
}

function balance(s, t) {
  s.center('PUNKTESTAND', { bold: true }).text(`Kundenkarte ************${member(4108).slice(-4)}`).row('Punkte', '1.240').row('Wert in EUR', comma(620)).text(clockText(t, 'DD.MM.YYYY HH:mm'));
}

export default {
  name: 'office', money: comma,
  slips: [
    { id: 'office_no_sale', made: rpe, paper: paper('drawer opened', (s, t) => s.center('*** NO SALE ***', { bold: true }).text(`STR 0042 REG 07 OP 17  ${clockText(t, 'MM/DD/YY hh:mm A')}`).drawer()) },
    { id: 'office_kitchen_order', made: rl, paper: paper('kitchen order', kitchenOrder) },
    { id: 'office_merchant_slip', made: rpe, paper: paper('merchant copy of a card payment', merchantSlip) },
    { id: 'office_interim_bill', made: rl, paper: paper('interim bill', interimBill) },
    { id: 'office_price_labels', made: rpe, paper: paper('price labels', labels) },
    { id: 'office_points_balance', made: rl, paper: paper('points balance', balance) },
    { id: 'office_cash_lift', made: rpe, paper: paper('cash taken to the safe', (s, t) => s.center('ABSCHÖPFUNG', { bold: true }).text(clockText(t, 'DD.MM.YYYY HH:mm')).row('Kasse 07 an Tresor EUR', comma(50000)).text('Unterschrift: ____________________')) },
    { id: 'office_x_report', made: { ...rl, codepage: 'cp437' }, paper: paper('X report', xReport) },
    { id: 'office_z_report', made: rpe, paper: paper('Z report', zReport) },
  ],
};
