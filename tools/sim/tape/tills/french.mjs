// SPDX-License-Identifier: Apache-2.0
// A French supermarket: "2 x 1,20" beside the name, CB and ESPECES, titres-restaurant, TVA table HT/TVA/TTC.

import { percent, quantity, spaced, stamp } from '../format.mjs';
import { back, card, cash, gtin, item, less, many, member, receipt, voucher } from '../model.mjs';

const money = spaced;
const RATES = { 1: 550, 2: 2000 };

function line(s, l) {
  if (l.quantity && !l.weighed) {
    s.row(l.description, '').row(`     ${l.quantity} x ${money(l.unit)}`, `${money(l.amount)} ${l.code}`);
  } else {
    s.row((l.kind === 'discount' ? '  ' : '') + l.description, l.kind === 'discount' ? `${money(l.amount)}  ` : `${money(l.amount)} ${l.code}`);
  }
  if (l.weighed) s.text(`     ${quantity(l.quantity, ',')} kg x ${money(l.unit)} €/kg`);
  if (l.gtin) s.text(`     ${l.gtin}`);
  if (l.coupon) s.text(`     N° ${l.coupon}`);
}

function layout(s, t, r) {
  s.center('MARCHÉ BELLERIVE', { bold: true, wide: true }).center('4 quai des Tilleuls').center('SIRET 999 000 111 00028').feed();
  if (r.head) s.center(r.head, { bold: true });
  for (const l of r.lines) line(s, l);
  s.rule('-').row(r.kind === 'return' ? 'TOTAL À REMBOURSER' : 'TOTAL', `${money(r.total)} €`, { bold: true, tall: true });
  s.text(`Nombre d'articles : ${r.lines.filter(l => l.kind === 'item').length}`);
  for (const p of r.tenders) s.row(p.text, `${money(p.amount)} €`);
  if (r.change) s.row('RENDU', `${money(r.change)} €`);
  if (r.cancelled) s.center('*** TICKET ANNULÉ ***', { bold: true, wide: true });
  s.feed().cells([['TVA', 8, 'left'], ['HT', 9, 'right'], ['TVA', 9, 'right'], ['TTC', 0, 'right']]);
  for (const x of r.taxes) s.cells([[`${x.code} ${percent(x.rate, ',')}%`, 8, 'left'], [money(x.net), 9, 'right'], [money(x.tax), 9, 'right'], [money(x.gross), 0, 'right']]);
  s.row('Total TVA', money(r.tax)).feed();
  if (r.member) s.text(`Carte de fidélité : ${r.member.show === 'full' ? r.member.card : '************' + r.member.card.slice(-4)}`);
  s.text(`Magasin 0042  Caisse 07  Hôte ${r.operator}`).text(`Ticket n° ${r.number}  le ${stamp(r, t, 'DD/MM/YYYY à HH:mm')}`);
  s.center('Merci de votre visite').barcode(`42${r.number}`, 'code39').cut();
  return r;
}

const sale = m => receipt({ rates: RATES, ...m });
const rpe = { encoder: 'receipt-printer-encoder', codepage: 'cp858', columns: 42 };
const line42 = { encoder: 'receiptline', codepage: 'cp1252', columns: 42, tabular: true };
const two = { code: '2' };

export default {
  name: 'french', money,
  slips: [
    { id: 'fr_especes', made: rpe, paper: (s, t) => layout(s, t, sale({
      number: '000871', operator: '12', lines: [item('BAGUETTE TRADITION', 125), many('CRÈME FRAÎCHE 20CL', '3', 149), many('COMTÉ 12 MOIS', '0.342', 2490, { weighed: true }), item('ÉPONGES X4', 230, two)],
      tenders: [cash(2000, 'ESPÈCES')],
    })) },
    { id: 'fr_cb_milliers', made: line42, paper: (s, t) => layout(s, t, sale({
      number: '000874', operator: '12', member: { card: member(4115), show: 'full' },
      lines: [item('LAVE-LINGE 9KG', 118900, { ...two, gtin: gtin(5120) }), less('REMISE IMMÉDIATE 10%', -11890, two), item('LESSIVE LIQUIDE 2L', 1249, two), item('CABAS', 150, two)],
      tenders: total => [card(total, 'CB ************4406', null, '4406')],
    })) },
    { id: 'fr_titres_restaurant', made: { ...rpe, codepage: 'iso8859-15' }, paper: (s, t) => layout(s, t, sale({
      number: '000880', operator: '09', member: { card: member(4116), show: 'masked', scanned: true }, coupons: [gtin(4200271, '99')],
      lines: [item('SALADE NIÇOISE', 695), many("JUS D'ORANGE 25CL", '2', 210), less('BON DE RÉDUCTION', -50, { coupon: gtin(4200271, '99') }), item('FROMAGE BLANC', 180)],
      tenders: [voucher(1100, 'TITRES RESTAURANT'), cash(200, 'ESPÈCES')],
    })) },
    { id: 'fr_avoir', made: line42, paper: (s, t) => layout(s, t, sale({
      kind: 'return', head: 'RETOUR MARCHANDISE', number: '000884', operator: '09', lines: back([item('CAFETIÈRE ITALIENNE', 2490, two)]),
      tenders: total => [card(total, 'CB ************4406', null, '4406')],
    })) },
    { id: 'fr_annule', made: rpe, paper: (s, t) => layout(s, t, sale({
      kind: 'void', cancelled: true, reconciled: false, number: '000889', operator: '12', lines: [item('TARTE AUX POMMES', 780), item('CIDRE BRUT', 345, two)], tenders: [],
    })) },
  ],
};
