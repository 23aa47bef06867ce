// SPDX-License-Identifier: Apache-2.0
// Slovenia and Croatia (cp852), and a harbour shop whose labels need several code pages on one line.

import { comma, percent, quantity, stamp } from '../format.mjs';
import { back, card, cash, deposit, fee, item, less, many, member, receipt } from '../model.mjs';

const money = comma;

const WORDS = {
  sl: { shop: 'TRGOVINA LIPA', id: 'ID za DDV SI99900117', number: 'Račun št.', total: 'SKUPAJ EUR', back: 'ZA VRAČILO EUR', change: 'VRAČILO', tax: 'DDV', sum: 'DDV skupaj', by: 'Prodajalec', club: 'Kartica zvestobe', thanks: 'Hvala za nakup', pieces: 'kos' },
  hr: { shop: 'DUĆAN BURA', id: 'OIB 99900011128', number: 'Račun br.', total: 'UKUPNO EUR', back: 'ZA POVRAT EUR', change: 'OSTATAK', tax: 'PDV', sum: 'PDV ukupno', by: 'Blagajnik', club: 'Kartica vjernosti', thanks: 'Hvala, dođite opet', pieces: 'kom' },
};

function layout(s, t, r) {
  const w = WORDS[r.tongue];
  s.center(w.shop, { bold: true, wide: true }).center(w.id).row(`${w.number} ${r.number}`, stamp(r, t, 'DD.MM.YYYY HH:mm:ss')).rule('-');
  for (const l of r.lines) {
    s.row(l.description, `${money(l.amount)} ${l.code}`);
    if (l.quantity) s.text(`  ${quantity(l.quantity, ',')} ${l.weighed ? 'kg' : w.pieces} x ${money(l.unit)}`);
  }
  s.rule('-').row(r.kind === 'return' ? w.back : w.total, money(r.total), { bold: true, tall: true });
  for (const p of r.tenders) s.row(p.text, money(p.amount));
  if (r.change) s.row(w.change, money(r.change));
  for (const x of r.taxes) s.row(`${x.code} ${w.tax} ${percent(x.rate, ',')}% od ${money(x.net)}`, money(x.tax));
  s.row(w.sum, money(r.tax));
  if (r.member) s.text(`${w.club}: ${r.member.card}`);
  s.text(`${w.by}: ${r.operator}`).text('ZOI: 4be1f07ac93d52e8a06fb1c27d93e5aa').center(w.thanks).qr(`https://racun.example/${r.number}`).cut();
  return r;
}

function harbour(s, t, r) {
  s.center('HAFENLADEN / PRISTANIŠČE', { bold: true }).row(`No. ${r.number}`, stamp(r, t, 'YYYY-MM-DD HH:mm')).rule();
  for (const l of r.lines) {
    s.row(l.quantity ? `${l.quantity} x ${l.description}` : l.description, `€ ${money(l.amount)}`);
  }
  s.rule().row('TOTAL', `€ ${money(r.total)}`, { bold: true });
  for (const p of r.tenders) s.row(p.text, `€ ${money(p.amount)}`);
  if (r.change) s.row('CHANGE', `€ ${money(r.change)}`);
  s.row('VAT 22% incl.', `€ ${money(r.tax)}`).center('Danke · Hvala · Merci · Спасибо').cut();
  return r;
}

const sl = m => receipt({ tongue: 'sl', rates: { A: 950, B: 2200 }, ...m });
const hr = m => receipt({ tongue: 'hr', rates: { A: 500, B: 2500 }, ...m });
const B = { code: 'B' };
const rl = { encoder: 'receiptline', codepage: 'cp852', columns: 42 };
const rpe = { encoder: 'receipt-printer-encoder', codepage: 'cp852', columns: 48 };

export default {
  name: 'east', money,
  slips: [
    { id: 'si_gotovina', made: rl, paper: (s, t) => layout(s, t, sl({
      number: 'P1-07-2214', operator: 'Špela', lines: [item('Kruh črni 1kg', 289), many('Jabolka', '1.305', 169, { weighed: true }), many('Žemlja', '4', 35), fee('Vrečka pristojbina', 29, B)],
      tenders: [cash(1000, 'GOTOVINA')],
    })) },
    { id: 'hr_kartica', made: rpe, paper: (s, t) => layout(s, t, hr({
      number: '2215/P1/7', operator: 'Đurđa', member: { card: member(4125), show: 'full' }, lines: [item('Pršut narezani', 599), less('Popust 20%', -120), many('Sok breskva 1L', '2', 185, B), deposit('Povratna naknada', 20, B)],
      tenders: total => [card(total, 'KARTICA Mastercard ************6046', 'Mastercard', '6046')],
    })) },
    { id: 'si_vracilo', made: rl, paper: (s, t) => layout(s, t, sl({
      kind: 'return', number: 'P1-07-2219', operator: 'Žan', lines: back([item('Dežnik zložljiv', 1499, B)]), tenders: total => [cash(total, 'GOTOVINA')],
    })) },
    { id: 'hr_gotovina', made: { ...rpe, columns: 42 }, paper: (s, t) => layout(s, t, hr({
      number: '2221/P1/7', operator: 'Šime', lines: [many('Kava mljevena', '2', 449, B), item('Šećer 1kg', 129), less('Akcija -0,50', -50, B)], tenders: [cash(2000, 'GOTOVINA')],
    })) },
    { id: 'harbour_multilingual', made: { ...rl, codepage: 'multilingual', columns: 48 }, paper: (s, t) => harbour(s, t, receipt({
      rates: { B: 2200 }, number: 'H-5530', lines: [many('Crème brûlée', '2', 450, { unit: undefined }), item('Żubrówka čaj', 380), item('Борщ 0,5 L', 620), item('Smørrebrød', 790)],
      tenders: [cash(3000, 'CASH')],
    })) },
    { id: 'harbour_auto_codepage', made: { encoder: 'receipt-printer-encoder', codepage: 'auto', candidates: ['cp437', 'cp858', 'cp852', 'cp737', 'cp866'], columns: 42 }, paper: (s, t) => harbour(s, t, receipt({
      rates: { B: 2200 }, number: 'H-5534', lines: [item('Σαλάτα', 540), item('Jalapeño-Käse', 615), item('Łosoś wędzony', 1290)], tenders: total => [card(total, 'CARD ************1240', null, '1240')],
    })) },
  ],
};
