# SPDX-License-Identifier: Apache-2.0
"""The figures something is hoped of as one picture: under the command that gives them, a bar a figure, against the line of
what was hoped for."""

import html

from measuring import hoped, number

ROW, GAP, LABEL, UNIT, END, MOST = 22, 6, 430, 240, 200, 2.0
GOOD, BAD = "#2a7f4f", "#b3402a"

HEAD = """<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" font-family="sans-serif" font-size="12">
<rect width="100%" height="100%" fill="white"/>
<text x="{label}" y="16" fill="#444">share of what was allowed; a bar that ends before the line is as hoped</text>
"""
COMMAND = """<text x="{x}" y="{y}" font-weight="bold">{text}</text>
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


def draw_bar(y, line):
    width = max(1.0, UNIT * min(max(share(line), 0), MOST))
    return BAR.format(
        end=LABEL - 8, y=y, text_y=y + 11, what=html.escape(line["what"]), x=LABEL, width=width,
        colour=GOOD if line["met"] else BAD, value_x=LABEL + max(width, UNIT) + 8,  # clear of the line
        value=html.escape(f"{number(line['value'])} {line['unit']} ({hoped(line)})"))


def draw(documents):
    """SVG of those ratios that have something hoped for."""
    parts, y = [], 26
    for document in documents:
        lines = [line for line in document["ratios"] if "met" in line]
        if lines:
            parts.append(COMMAND.format(x=8, y=y + 13, text=html.escape(document["command"])))
            parts += [draw_bar(y + ROW * (row + 1), line) for row, line in enumerate(lines)]
            y += ROW * (len(lines) + 1) + GAP
    head = HEAD.format(width=LABEL + int(UNIT * MOST) + END, height=y, label=LABEL)
    line = f'<line x1="{LABEL + UNIT}" y1="22" x2="{LABEL + UNIT}" y2="{y - GAP}" stroke="#222"/>\n</svg>\n'
    return head + "".join(parts) + line
