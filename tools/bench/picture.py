# SPDX-License-Identifier: Apache-2.0
"""The figures something is hoped of as one picture: a bar a figure, against the line of what was hoped for."""

import html

from measuring import hoped, number

ROW, LABEL, UNIT, END, MOST = 22, 430, 240, 150, 2.0
GOOD, BAD = "#2a7f4f", "#b3402a"

HEAD = """<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" font-family="sans-serif" font-size="12">
<rect width="100%" height="100%" fill="white"/>
<text x="{label}" y="16" fill="#444">share of what was allowed; a bar that ends before the line is as hoped</text>
"""
BAR = """<text x="{end}" y="{text_y}" text-anchor="end">{what}</text>
<rect x="{x}" y="{y}" width="{width:.1f}" height="14" fill="{colour}"/>
<text x="{value_x:.1f}" y="{text_y}" fill="#444">{value}</text>
"""


def share(line):
    """1 is exactly what was hoped for, less is better."""
    if "most" in line:
        return line["value"] / line["most"] if line["most"] else float(line["value"] > 0) * MOST
    return line["least"] / line["value"] if line["value"] > 0 else MOST


def draw(lines):
    """SVG of those ratios that have something hoped for."""
    lines = [line for line in lines if "met" in line]
    height = 34 + ROW * len(lines)
    parts = [HEAD.format(width=LABEL + int(UNIT * MOST) + END, height=height, label=LABEL)]
    for row, line in enumerate(lines):
        y = 26 + ROW * row
        width = max(1.0, UNIT * min(max(share(line), 0), MOST))
        parts.append(BAR.format(
            end=LABEL - 8, text_y=y + 11, what=html.escape(line["what"]), x=LABEL, y=y, width=width,
            colour=GOOD if line["met"] else BAD, value_x=LABEL + width + 6,
            value=html.escape(f"{number(line['value'])} {line['unit']} ({hoped(line)})")))
    parts.append(f'<line x1="{LABEL + UNIT}" y1="22" x2="{LABEL + UNIT}" y2="{height - 6}" stroke="#222"/>\n</svg>\n')
    return "".join(parts)
