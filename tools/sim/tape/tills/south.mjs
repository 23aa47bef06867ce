// SPDX-License-Identifier: Apache-2.0
// Spain, Italy, Portugal and Greece: the till says it in its own words, mostly tax included.

import { comma, percent, quantity, stamp } from '../format.mjs';
import { back, card, cash, fee, item, less, many, member, mobile, receipt, voucher } from '../model.mjs';

const money = comma;

function spanish(s, t, r) {
  s.center('ULTRAMARINOS BALDÍO', { bold: true }).center('C/ del Molino 17 - NIF B99900114').center('FACTURA SIMPLIFICADA', { tall: true });
  s.row(`Nº: ${r.number}`, stamp(r, t, 'DD/MM/YYYY HH:mm')).row('Tienda 0042 Caja 07', `Le atendió: ${r.operator}`).rule('-');
  s.cells([['Cant.', 6, 'left'], ['Descripción', 0, 'left'], ['Precio', 7, 'right'], ['Importe', 9, 'right']]);
  for (const l of r.lines) {
    s.cells([[l.kind === 'discount' ? '' : quantity(l.quantity ?? '1', ','), 6, 'left'], [l.description, 0, 'left'], [l.unit ? money(l.unit) : '', 7, 'right'], [money(l.amount), 9, 'right']]);
  }
  s.rule('-').row(r.kind === 'return' ? 'TOTAL A DEVOLVER €' : 'TOTAL A PAGAR €', money(r.total), { bold: true });
  for (const p of r.tenders) s.row(p.text, money(p.amount));
  if (r.change) s.row('CAMBIO', money(r.change));
  s.text('IVA INCLUIDO').cells([['%IVA', 6, 'right'], ['BASE', 10, 'right'], ['CUOTA', 9, 'right']]);
  for (const x of r.taxes) s.cells([[percent(x.rate, ',', 0), 6, 'right'], [money(x.net), 10, 'right'], [money(x.tax), 9, 'right']]);
  s.row('Total cuota IVA', money(r.tax));
  if (r.member) s.text(`Tarjeta cliente: ${r.member.card}`);
  s.center('¡Gracias por su compra!').cut();
  return r;
}

function italian(s, t, r) {
  s.center('ALIMENTARI PIANALTO', { bold: true, tall: true }).center('Via delle Noci 5 - P.IVA 99900110014').feed();
  s.center('DOCUMENTO COMMERCIALE').center(r.kind === 'return' ? 'emesso per RESO MERCE' : 'di vendita o prestazione').feed();
  s.row('DESCRIZIONE            IVA', 'Prezzo(€)');
  for (const l of r.lines) {
    if (l.quantity) s.text(`  ${quantity(l.quantity, ',')} x ${money(l.unit)}`);
    s.row(`${l.description.padEnd(22)} ${l.kind === 'discount' ? '' : `${l.code}%`}`, money(l.amount));
  }
  if (r.showSubtotal) {
    r.subtotal = r.net;
    s.row('SUBTOTALE', money(r.net));
  }
  s.feed().row('TOTALE COMPLESSIVO', money(r.total), { bold: true }).row('di cui IVA', money(r.tax)).feed();
  for (const p of r.tenders) s.row(p.text, money(p.amount));
  s.row('Importo pagato', money(r.total));
  if (r.change) s.row('Resto', money(r.change));
  s.feed().text(`${stamp(r, t, 'DD-MM-YYYY HH:mm')}`).text(`DOCUMENTO N. ${r.number}`).text('Server RT 96SRT000417').text(`Cassa 07  Operatore ${r.operator}`);
  if (r.member) s.text(`Carta fedeltà n. ${r.member.show === 'full' ? r.member.card : '************' + r.member.card.slice(-4)}`);
  s.cut();
  return r;
}

function portuguese(s, t, r) {
  s.center('MERCEARIA DA RIBEIRA', { bold: true }).center('NIF 999900115').center(r.kind === 'return' ? 'NOTA DE CRÉDITO' : 'FATURA SIMPLIFICADA').text(`Doc. ${r.number}`);
  s.row(stamp(r, t, 'YYYY-MM-DD HH:mm:ss'), 'Loja 0042 Caixa 07').rule('-');
  for (const l of r.lines) {
    s.row(`(${l.code}) ${l.description}`, money(l.amount));
    if (l.quantity) s.text(`    ${quantity(l.quantity, ',')} X ${money(l.unit)}`);
  }
  s.rule('-').row('TOTAL A PAGAR', money(r.total), { bold: true, wide: true });
  for (const p of r.tenders) s.row(p.text, money(p.amount));
  if (r.change) s.row('TROCO', money(r.change));
  s.cells([['TAXA', 9, 'left'], ['BASE', 10, 'right'], ['IVA', 10, 'right']]);
  for (const x of r.taxes) s.cells([[`(${x.code}) ${percent(x.rate, ',', 0)}%`, 9, 'left'], [money(x.net), 10, 'right'], [money(x.tax), 10, 'right']]);
  s.row('TOTAL IVA', money(r.tax));
  if (r.member) s.text(`Cartão cliente ${r.member.card}`);
  s.center('Obrigado e até à próxima').qr(`A:999900115*D:FS*G:${r.number}*N:${r.tax}*O:${r.total}`).cut();
  return r;
}

function greek(s, t, r) {
  s.center('ΠΑΝΤΟΠΩΛΕΙΟ Η ΕΛΙΑ', { bold: true }).center('ΑΦΜ 999001166').center(r.kind === 'return' ? 'ΑΠΟΔΕΙΞΗ ΕΠΙΣΤΡΟΦΗΣ' : 'ΑΠΟΔΕΙΞΗ ΛΙΑΝΙΚΗΣ').rule('-');
  for (const l of r.lines) {
    if (l.quantity) s.text(`${quantity(l.quantity, ',')} X ${money(l.unit)}`);
    s.row(l.description, `${money(l.amount)}  ${percent(r.rates[l.code], ',', 0)}%`);
  }
  s.rule('-').row('ΣΥΝΟΛΟ', money(r.total), { bold: true, wide: true });
  for (const p of r.tenders) s.row(p.text, money(p.amount));
  if (r.change) s.row('ΡΕΣΤΑ', money(r.change));
  for (const x of r.taxes) s.row(`ΦΠΑ ${percent(x.rate, ',', 0)}%  ΚΑΘ. ΑΞΙΑ ${money(x.net)}`, money(x.tax));
  s.row('ΣΥΝΟΛΟ ΦΠΑ', money(r.tax));
  if (r.member) s.text(`ΚΑΡΤΑ ΜΕΛΟΥΣ ${r.member.card}`);
  s.row(`ΑΡ. ΑΠΟΔ. ${r.number}`, `ΤΑΜΙΑΣ ${r.operator}`).row(stamp(r, t, 'DD/MM/YYYY'), stamp(r, t, 'HH:mm')).center('ΕΥΧΑΡΙΣΤΟΥΜΕ').cut();
  return r;
}

const es = m => receipt({ rates: { a: 1000, b: 2100 }, ...m });
const it = m => receipt({ rates: { 4: 400, 10: 1000, 22: 2200 }, ...m });
const pt = m => receipt({ rates: { A: 600, B: 1300, C: 2300 }, ...m });
const gr = m => receipt({ rates: { A: 1300, B: 2400 }, ...m });
const rpe = (codepage, columns, more = {}) => ({ encoder: 'receipt-printer-encoder', codepage, columns, ...more });
const rl = (codepage, columns, more = {}) => ({ encoder: 'receiptline', codepage, columns, ...more });
const b = { code: 'b' }, C = { code: 'C' }, B = { code: 'B' };
const code = c => ({ code: c });

export const spain = { name: 'spanish', money, slips: [
  { id: 'es_efectivo', made: rl('cp1252', 48), paper: (s, t) => spanish(s, t, es({
    number: 'T07-000345', operator: 'Nuria', lines: [many('PIMIENTO ROJO KG', '0.815', 219), many('ACEITE OLIVA 1L', '2', 875), item('JABÓN MARSELLA', 315, b), fee('CARGO BOLSA', 15, b)],
    tenders: [cash(5000, 'ENTREGADO EFECTIVO')],
  })) },
  { id: 'es_bizum', made: rpe('windows1252', 48), paper: (s, t) => spanish(s, t, es({
    number: 'T07-000351', operator: 'Nuria', member: { card: member(4117), show: 'full' }, lines: [many('QUESO CURADO KG', '0.430', 1890), many('VINO TINTO CRIANZA', '3', 645, b), less('DTO. 2ª UNIDAD 50%', -323, b)],
    tenders: total => [mobile(total, 'BIZUM')],
  })) },
  { id: 'es_tarjeta', made: rl('multilingual', 42), paper: (s, t) => spanish(s, t, es({
    number: 'T07-000356', operator: 'Íñigo', lines: [item('CUADERNO A5', 245, b), many('BOLÍGRAFO', '4', 95, b), item('PAN DE PUEBLO', 165)],
    tenders: total => [card(total, 'TARJETA VISA ************2087', 'VISA', '2087')],
  })) },
] };

export const italy = { name: 'italian', money, slips: [
  { id: 'it_contante', made: rpe('cp858', 42), paper: (s, t) => italian(s, t, it({
    number: '0417-0042', operator: '03', member: { card: member(4118), show: 'masked', scanned: true }, lines: [item('PANE CASERECCIO', 320, code('4')), many('MOZZARELLA 125G', '3', 139, code('4')), item('SAPONE LIQUIDO', 265, code('22'))],
    tenders: [cash(1050, 'Pagamento contante')],
  })) },
  { id: 'it_elettronico_sconto', made: rl('cp858', 42, { tabular: true }), paper: (s, t) => italian(s, t, it({
    number: '0417-0047', operator: '03', showSubtotal: true, member: { card: member(4119), show: 'full' },
    lines: [item('CAFFÈ MACINATO 250G', 459, code('22')), item('PROSCIUTTO CRUDO', 688, code('10')), less('SCONTO SOCI 15%', -103, code('10')), many('PESCHE', '1.120', 290, code('4'))],
    tenders: total => [card(total, 'Pagamento elettronico')],
  })) },
  { id: 'it_reso', made: rpe('cp858', 42), paper: (s, t) => italian(s, t, it({
    kind: 'return', number: '0418-0003', operator: '05', lines: back([item('PADELLA ANTIADERENTE', 2190, code('22'))]), tenders: total => [cash(total, 'Rimborso contante')],
  })) },
] };

export const portugal = { name: 'portuguese', money, slips: [
  { id: 'pt_dinheiro', made: rl('cp860', 42), paper: (s, t) => portuguese(s, t, pt({
    number: 'FS-001187', lines: [many('BROA DE MILHO', '2', 185), item('SARDINHAS EM LATA', 249, C), many('MAÇÃ KG', '1.236', 179), fee('TAXA SACO', 10, C)],
    tenders: [cash(1000, 'DINHEIRO')],
  })) },
  { id: 'pt_mb_way', made: rpe('cp850', 42), paper: (s, t) => portuguese(s, t, pt({
    number: 'FS-001192', member: { card: member(4120), show: 'full' }, lines: [item('VINHO VERDE', 489, B), less('DESCONTO CARTÃO', -74, B), item('PASTÉIS DE NATA X6', 690, C)],
    tenders: total => [mobile(total, 'MB WAY')],
  })) },
  { id: 'pt_nota_credito', made: rpe('cp850', 42), paper: (s, t) => portuguese(s, t, pt({
    kind: 'return', number: 'NC-000014', lines: back([item('CANECA CERÂMICA', 899, C)]), tenders: total => [card(total, 'MULTIBANCO')],
  })) },
] };

export const greece = { name: 'greek', money, slips: [
  { id: 'gr_metrita', made: rpe('cp737', 42), paper: (s, t) => greek(s, t, gr({
    number: '0009143', operator: '5', lines: [many('ΦΕΤΑ', '0.450', 1290), many('ΝΕΡΟ 1,5Λ', '6', 35), item('ΧΑΡΤΙ ΚΟΥΖΙΝΑΣ', 345, B)],
    tenders: [cash(2000, 'ΜΕΤΡΗΤΑ')],
  })) },
  { id: 'gr_karta', made: rpe('cp737', 32), paper: (s, t) => greek(s, t, gr({
    number: '0009150', operator: '5', member: { card: member(4121), show: 'full' }, lines: [item('ΕΛΑΙΟΛΑΔΟ 3Λ', 3190), less('ΕΚΠΤΩΣΗ 10%', -319), item('ΚΡΑΣΙ ΛΕΥΚΟ', 680, B)],
    tenders: total => [card(total, 'ΚΑΡΤΑ ************3355', null, '3355')],
  })) },
  { id: 'gr_epistrofi', made: rpe('cp737', 42), paper: (s, t) => greek(s, t, gr({
    kind: 'return', number: '0009158', operator: '2', lines: back([item('ΧΑΡΤΙ ΚΟΥΖΙΝΑΣ', 345, B)]), tenders: total => [cash(total, 'ΜΕΤΡΗΤΑ')],
  })) },
] };
