// SPDX-License-Identifier: Apache-2.0
// The Netherlands and Finland: deposits on bottles, cash rounded to five cents.

import { comma, percent, plain, quantity, stamp } from '../format.mjs';
import { card, cash, deposit, item, less, many, member, receipt, voucher } from '../model.mjs';

const money = comma;

function dutchLine(s, l) {
  const amount = [money(l.amount), 9, 'right'];
  if (l.weighed) s.cells([[`${quantity(l.quantity, ',')} KG`, 8, 'left'], [l.description, 0, 'left'], [money(l.unit), 7, 'right'], amount]);
  else s.cells([[l.quantity ?? '', 8, 'left'], [l.description, 0, 'left'], [l.quantity ? money(l.unit) : '', 7, 'right'], amount]);
}

function dutch(s, t, r) {
  s.logo('gable').center('BUURTSUPER DE WAAL', { bold: true }).center('Kade 12, Musterdam').feed();
  s.cells([['AANTAL', 8, 'left'], ['OMSCHRIJVING', 0, 'left'], ['PRIJS', 7, 'right'], ['BEDRAG', 9, 'right']]);
  for (const l of r.lines) dutchLine(s, l);
  s.rule('-');
  if (r.rounding) {
    r.subtotal = r.net;
    s.row('SUBTOTAAL', money(r.net)).row('AFRONDING', money(r.rounding));
  }
  s.row(r.kind === 'return' ? 'TERUG TE BETALEN' : 'TOTAAL', money(r.total), { bold: true, tall: true });
  for (const p of r.tenders) s.row(p.text, money(p.amount));
  if (r.change) s.row('WISSELGELD', money(r.change));
  for (const x of r.taxes) s.cells([[`BTW ${percent(x.rate, ',', 0)}%`, 10, 'left'], [`OVER ${money(x.gross)}`, 0, 'left'], [money(x.tax), 9, 'right']]);
  s.row('TOTAAL BTW', money(r.tax));
  if (r.cutBeforeFoot) s.cut();
  if (r.member) s.text(`KLANTKAART ${r.member.show === 'full' ? r.member.card : 'xxxxxxxxxxxx' + r.member.card.slice(-4)}`);
  s.text(`FILIAAL 0042 KASSA 07 BON ${r.number}`).text(`${stamp(r, t, 'DD-MM-YYYY HH:mm')}   MEDEWERKER ${r.operator}`).center('TOT ZIENS').cut();
  return r;
}

function finnish(s, t, r) {
  s.center('KAUPPA KUUSELA', { bold: true, wide: true }).center('Y-tunnus 9990011-7').row(`KUITTI ${r.number}`, stamp(r, t, 'DD.MM.YYYY HH:mm')).row('KASSA 07', `MYYJÄ ${r.operator}`).rule('-');
  for (const l of r.lines) {
    s.row(l.description, plain(l.amount));
    if (l.quantity) s.text(`   ${quantity(l.quantity, ',')} ${l.weighed ? 'KG' : 'KPL'} ${plain(l.unit)} ${l.weighed ? '€/KG' : '€/KPL'}`);
  }
  s.rule('-').row('YHTEENSÄ', plain(r.total - r.rounding), { bold: !r.rounding });
  if (r.rounding) s.row('PYÖRISTYS', plain(r.rounding)).row('MAKSETTAVA', plain(r.total), { bold: true });
  for (const p of r.tenders) s.row(p.text, plain(p.amount));
  if (r.change) s.row('TAKAISIN', plain(r.change));
  s.feed().cells([['ALV', 7, 'left'], ['VEROTON', 10, 'right'], ['VERO', 9, 'right'], ['VEROLLINEN', 0, 'right']]);
  for (const x of r.taxes) s.cells([[`${percent(x.rate, ',', 1)}%`, 7, 'left'], [plain(x.net), 10, 'right'], [plain(x.tax), 9, 'right'], [plain(x.gross), 0, 'right']]);
  s.row('ALV YHTEENSÄ', plain(r.tax));
  if (r.member) s.text(`ASIAKASKORTTI ${r.member.card}`);
  s.center('KIITOS KÄYNNISTÄ').cut();
  return r;
}

const nl = m => receipt({ rates: { L: 900, H: 2100 }, ...m });
const fi = m => receipt({ rates: { E: 1400, Y: 2550 }, ...m });
const H = { code: 'H' }, Y = { code: 'Y' };
const rlNl = { encoder: 'receiptline', codepage: 'cp858', columns: 48, tabular: true };
const rpeNl = { encoder: 'receipt-printer-encoder', codepage: 'cp858', columns: 48, tabular: true };
const rpeFi = { encoder: 'receipt-printer-encoder', codepage: 'cp858', columns: 42 };

export const netherlands = { name: 'dutch', money, slips: [
  { id: 'nl_contant_afronding', made: rlNl, paper: (s, t) => dutch(s, t, nl({
    number: '77120', operator: '6', rounding: -2, member: { card: member(4122), show: 'masked', scanned: true },
    lines: [many('HALFVOLLE MELK', '2', 119), many('JONGE KAAS', '0.524', 1099, { weighed: true }), item('COLA 1,5L', 219), deposit('STATIEGELD', 25, H), less('BONUS', -45)],
    tenders: [cash(2000, 'CONTANT')],
  })) },
  { id: 'nl_pin', made: rpeNl, paper: (s, t) => dutch(s, t, nl({
    number: '77126', operator: '6', lines: [item('STROOPWAFELS', 239), item('AFWASBORSTEL', 349, H), many('DROP ZOET', '2', 175), deposit('EMBALLAGE RETOUR', -150, H)],
    tenders: total => [card(total, 'PIN MAESTRO ****1188', 'MAESTRO', '1188')],
  })) },
  { id: 'nl_waardebon', made: rlNl, paper: (s, t) => dutch(s, t, nl({
    number: '77131', operator: '2', rounding: 1, cutBeforeFoot: true, member: { card: member(4123), show: 'full' }, lines: [many('TULPEN 20 ST', '3', 499), item('VAAS GLAS', 1297, H)],
    tenders: [voucher(1000, 'WAARDEBON'), cash(2000, 'CONTANT')],
  })) },
] };

export const finland = { name: 'finnish', money: plain, slips: [
  { id: 'fi_kateinen', made: rpeFi, paper: (s, t) => finnish(s, t, fi({
    number: '002218', operator: '88', rounding: 2, lines: [item('RUISLEIPÄ', 249), many('TOMAATTI', '0.436', 398, { weighed: true }), item('LIMONADI 1,5L', 219), deposit('PANTTI', 40), item('TULITIKUT', 91, Y)],
    tenders: [cash(1000, 'KÄTEINEN')],
  })) },
  { id: 'fi_kortti', made: { encoder: 'receiptline', codepage: 'cp858', columns: 42 }, paper: (s, t) => finnish(s, t, fi({
    number: '002224', operator: '88', member: { card: member(4124), show: 'full' }, lines: [many('KAHVI 500G', '2', 695), less('JÄSENETU', -190), item('PATTERI AA 8KPL', 890, Y)],
    tenders: total => [card(total, 'KORTTI VISA ************0551', 'VISA', '0551')],
  })) },
  { id: 'fi_pullonpalautus', made: { encoder: 'receiptline', codepage: 'cp437', columns: 32 }, paper: (s, t) => finnish32(s, t, fi({
    number: '002231', operator: '90', lines: [item('KARJALANPIIRAKKA', 345), item('MAITO 1L', 115), deposit('PULLONPALAUTUS', -220)], tenders: [cash(500, 'KÄTEINEN')],
  })) },
] };

/** The kiosk's narrow printer has room for the sum only. */
function finnish32(s, t, r) {
  s.center('KIOSKI KUUSELA', { bold: true }).row(`KUITTI ${r.number}`, stamp(r, t, 'DD.MM.YY HH:mm'));
  for (const l of r.lines) s.row(l.description, plain(l.amount));
  s.row('YHTEENSÄ', plain(r.total), { bold: true });
  for (const p of r.tenders) s.row(p.text, plain(p.amount));
  s.row('TAKAISIN', plain(r.change)).row('SIS. ALV', plain(r.tax)).text(`MYYJÄ ${r.operator}`).cut().drawer();
  return r;
}
