// SPDX-License-Identifier: Apache-2.0
// A slip of paper as a list of simple things (text, row, rule, code, cut …), and the two encoders that turn it into bytes.

import ReceiptPrinterEncoder from '@point-of-sale/receipt-printer-encoder';
import iconv from 'iconv-lite';
import { PNG } from 'pngjs';
import receiptline from 'receiptline';

const pad = (text, width, align) => {
  const room = width - [...text].length;
  if (room < 0) throw new Error(`"${text}" is wider than ${width} columns`);
  const before = { left: 0, center: room >> 1, right: room }[align];
  return ' '.repeat(before) + text + ' '.repeat(room - before);
};

export class Slip {
  constructor(columns) {
    this.columns = columns;
    this.ops = [];
  }
  width(style) { return this.columns >> (style.wide ? 1 : 0); }
  text(text, align = 'left', style = {}) { this.ops.push({ op: 'text', text, align, style }); return this; }
  center(text, style) { return this.text(text, 'center', style); }
  right(text, style) { return this.text(text, 'right', style); }
  /** Side by side with `gap` between, or under each other where the paper is too narrow. */
  texts(gap, ...parts) {
    const line = parts.join(gap);
    for (const text of line.length <= this.columns ? [line] : parts) this.text(text);
    return this;
  }
  /** One line with something at each end. */
  row(left, right, style = {}) { this.ops.push({ op: 'row', left, right, style }); return this; }
  /** Cells [text, width or 0 for the rest, align]. */
  cells(cells, style = {}) {
    const rest = this.columns - cells.reduce((sum, [, width]) => sum + width, 0) - (cells.length - 1);
    this.ops.push({ op: 'cells', style, cells: cells.map(([text, width, align]) => ({ text, width: width || rest, align })) });
    return this;
  }
  /** A rule of one character, or the printer's own line without one. */
  rule(char) { this.ops.push({ op: 'rule', char }); return this; }
  feed() { this.ops.push({ op: 'feed' }); return this; }
  barcode(data, type = 'code128') { this.ops.push({ op: 'barcode', data, type }); return this; }
  qr(data) { this.ops.push({ op: 'qr', data }); return this; }
  logo(shape) { this.ops.push({ op: 'logo', shape }); return this; }
  cut() { this.ops.push({ op: 'cut' }); return this; }
  drawer() { this.ops.push({ op: 'drawer' }); return this; }

  /** Everything a person could read on the paper, one op a line. */
  words() {
    return this.ops.map(o => o.cells ? o.cells.map(c => c.text).join(' ') : [o.text, o.left, o.right, o.data].filter(Boolean).join(' ')).join('\n');
  }
}

const LOGO = { width: 96, height: 40 };
const SHAPES = {
  leaf: (x, y) => (x - 48) ** 2 / 2000 + (y - 20) ** 2 / 300 < 1 && Math.abs(x - 48 - (y - 20) * 2) > 3,
  wave: (x, y) => Math.abs((y + (x >> 2)) % 16 - 8) < 3,
  gable: (x, y) => y > Math.abs(x - 48) - 10 && y < 34 && !(x > 40 && x < 56 && y > 18),
};
function logoPixels(shape) {
  const data = new Uint8ClampedArray(LOGO.width * LOGO.height * 4).fill(255);
  for (let y = 0; y < LOGO.height; y++) {
    for (let x = 0; x < LOGO.width; x++) {
      if (SHAPES[shape](x, y)) data.fill(0, 4 * (y * LOGO.width + x), 4 * (y * LOGO.width + x) + 3);
    }
  }
  return data;
}

const ICONV = { windows1252: 'cp1252', 'iso8859-15': 'iso-8859-15' };
function assertEncodable(words, codepage) {
  if (codepage === 'multilingual' || codepage === 'auto') return;
  const name = ICONV[codepage] ?? codepage;
  if (iconv.decode(iconv.encode(words, name), name) !== words) {
    const lost = [...words].filter(c => iconv.decode(iconv.encode(c, name), name) !== c);
    throw new Error(`${codepage} has no ${[...new Set(lost)].join(' ')}`);
  }
}

/** receiptline 4: its document language, with every character that means something in it escaped. */
class LineBackend {
  constructor(made) { this.made = made; this.lines = []; }
  escape(text) {
    const hex = c => '\\x' + c.charCodeAt(0).toString(16).padStart(2, '0');
    return text.replace(/[\\{}|_"`^~]/g, hex).replace(/^([-=])(?=[-=]*$)/, hex).replaceAll(' ', '~');
  }
  styled(text, style) {
    const size = '^'.repeat((style.wide ? 1 : 0) + (style.tall ? 2 : 0));
    const mark = (style.bold ? '"' : '') + (style.invert ? '`' : '');
    return mark + size + this.escape(text) + size + [...mark].reverse().join('');
  }
  put(text, align) { this.lines.push({ left: `|${text}`, center: text, right: `${text}|` }[align]); }
  text(o, slip) { pad(o.text, slip.width(o.style), 'left'); this.put(this.styled(o.text, o.style), o.align); }
  row(o, slip) {
    if (!this.made.tabular) {
      const room = slip.width(o.style) - [...o.right].length - 1;
      return this.put(this.styled(`${pad(o.left, room, 'left')} ${o.right}`, o.style), 'left');
    }
    const width = Math.max([...o.right].length * (o.style.wide ? 2 : 1), 11);
    pad(o.left, (slip.columns - width - 1) >> (o.style.wide ? 1 : 0), 'left');
    this.lines.push(`{width:*,${width}}`, `|${this.styled(o.left, o.style)} | ${this.styled(o.right, o.style)}|`, '{width:auto}');
  }
  cells(o) {
    const cell = c => { pad(c.text, c.width, 'left'); return { left: `${this.styled(c.text, o.style)} `, center: ` ${this.styled(c.text, o.style)} `, right: ` ${this.styled(c.text, o.style)}` }[c.align]; };
    this.lines.push(`{width:${o.cells.map(c => c.width).join(',')}}`, `|${o.cells.map(cell).join('|')}|`, '{width:auto}');
  }
  rule(o, slip) { o.char ? this.put(this.escape(o.char.repeat(slip.columns)), 'left') : this.lines.push('-'); }
  feed() { this.lines.push('|~'); }
  barcode(o) { this.lines.push(`{code:${o.data};option:${o.type === 'ean13' ? 'ean' : o.type},2,60,hri}`); }
  qr(o) { this.lines.push(`{code:${o.data.replaceAll(';', '\\;')};option:qrcode,3,l}`); }
  logo(o) {
    const png = new PNG(LOGO);
    png.data = Buffer.from(logoPixels(o.shape));
    this.lines.push(`{image:${PNG.sync.write(png).toString('base64')}}`);
  }
  cut() { this.lines.push('='); }
  drawer() { this.lines.push('{command:\\x1bp\\x00\\x19\\xfa}'); }
  bytes(slip) {
    const { codepage, command = 'escpos', spacing = false } = this.made;
    const printer = { cpl: slip.columns, encoding: codepage, command, spacing, gradient: false };
    return Buffer.from(receiptline.transform(this.lines.join('\n'), printer), 'binary');
  }
}

class ImageData {
  constructor(data, width, height) { Object.assign(this, { data, width, height }); }
}

/** @point-of-sale/receipt-printer-encoder 4: one call a thing. */
class EncoderBackend {
  constructor(made, slip) {
    const { codepage, newline = '\n\r', imageMode = 'raster', model, candidates } = made;
    const options = model ? { printerModel: model, columns: slip.columns } : { language: 'esc-pos', columns: slip.columns, newline, imageMode };
    this.made = made;
    this.e = new ReceiptPrinterEncoder({ ...options, codepageMapping: 'epson', ...(candidates && { codepageCandidates: candidates }) }).initialize().codepage(codepage);
  }
  styled(style, print) {
    const on = value => {
      if (style.bold) this.e.bold(value);
      if (style.invert) this.e.invert(value);
      if (style.wide || style.tall) this.e.size(value && style.wide ? 2 : 1, value && style.tall ? 2 : 1);
    };
    on(true); print(); on(false);
  }
  text(o, slip) {
    pad(o.text, slip.width(o.style), 'left');
    this.e.align(o.align);
    this.styled(o.style, () => this.e.text(o.text));
    this.e.newline().align('left');
  }
  row(o, slip) {
    const width = slip.width(o.style);
    if (this.made.tabular && width === slip.columns) {
      return this.cells({ style: o.style, cells: [{ text: o.left, width: width - 12, align: 'left' }, { text: o.right, width: 11, align: 'right' }] });
    }
    const left = pad(o.left, width - [...o.right].length - 1, 'left');
    this.styled(o.style, () => this.e.text(`${left} ${o.right}`));
    this.e.newline();
  }
  cells(o) {
    const columns = o.cells.map((c, i) => { pad(c.text, c.width, 'left'); return { width: c.width, align: c.align, marginRight: i < o.cells.length - 1 ? 1 : 0 }; });
    this.e.table(columns, [o.cells.map(c => e => (o.style.bold ? e.bold(true).text(c.text).bold(false) : e.text(c.text)))]);
  }
  rule(o, slip) { o.char ? this.e.line(o.char.repeat(slip.columns)) : this.e.rule(); }
  feed() { this.e.newline(); }
  barcode(o) { this.e.align('center').barcode(o.data, o.type, { height: 60, text: true }).align('left'); }
  qr(o) { this.e.align('center').qrcode(o.data, { size: 4, errorlevel: 'm' }).align('left'); }
  logo(o) { this.e.align('center').image(new ImageData(logoPixels(o.shape), LOGO.width, LOGO.height), LOGO.width, LOGO.height, 'threshold').align('left'); }
  cut() { this.e.cut('partial'); }
  drawer() { this.e.pulse(0, 100, 500); }
  bytes() { return Buffer.from(this.e.encode()); }
}

/** `made`: {encoder, codepage, columns, and the encoder's own options}. */
export function bytesOf(slip, made) {
  assertEncodable(slip.words(), made.codepage);
  const backend = made.encoder === 'receiptline' ? new LineBackend(made) : new EncoderBackend(made, slip);
  for (const o of slip.ops) backend[o.op](o, slip);
  return backend.bytes(slip);
}
