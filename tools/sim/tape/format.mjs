// SPDX-License-Identifier: Apache-2.0
// How money, quantities and times look on paper in different countries.

const grouped = (digits, mark) => digits.replace(/\B(?=(\d{3})+$)/g, mark);
const money = (point, group) => minor => {
  const text = String(Math.abs(minor)).padStart(3, '0');
  return (minor < 0 ? '-' : '') + grouped(text.slice(0, -2), group) + point + text.slice(-2);
};

/** 1,234.56 */
export const dot = money('.', ',');
/** 1.234,56 */
export const comma = money(',', '.');
/** 1 234,56 */
export const spaced = money(',', ' ');
/** 1234,56 */
export const plain = money(',', '');
/** 12.34- */
export const trailing = format => minor => (minor < 0 ? `${format(-minor)}-` : format(minor));

/** "0.652" as a till with a decimal comma prints it. */
export const quantity = (text, point) => text.replace('.', point);
export const percent = (rate, point, digits = 1) => (rate / 100).toFixed(digits).replace('.', point);

const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];

/** A moment of the till's day: {year, month, day, hour, minute, second}. */
export function clockText(t, pattern) {
  const two = n => String(n).padStart(2, '0');
  const parts = {
    YYYY: t.year, YY: two(t.year % 100), MMM: MONTHS[t.month - 1], MM: two(t.month), DD: two(t.day),
    HH: two(t.hour), hh: two(t.hour % 12 || 12), mm: two(t.minute), ss: two(t.second), A: t.hour < 12 ? 'AM' : 'PM',
  };
  return pattern.replace(/YYYY|YY|MMM|MM|DD|HH|hh|mm|ss|A/g, key => parts[key]);
}

/** Europe/Berlin in November: one hour ahead of UTC. */
export const isoTime = (t, pattern) =>
  (/(HH|hh).mm/.test(pattern) ? clockText(pattern.includes('ss') ? t : { ...t, second: 0 }, 'YYYY-MM-DDTHH:mm:ss').concat('+01:00') : null);

/** The till's clock: formats a moment and notes in `r` how much of it the paper tells. */
export function stamp(r, t, pattern) {
  r.printedTime = isoTime(t, pattern) ?? r.printedTime;
  return clockText(t, pattern);
}
