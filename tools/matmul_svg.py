# SPDX-License-Identifier: BSD-3-Clause
"""The pictures of the matmul's results: small panels of lines over a logarithmic axis, and a roofline."""

from math import ceil, floor, log2, log10

from results_svg import WIDTH, document, line, number, round_steps, text

PANELS_A_ROW = 3


def polyline(points, css):
    path = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    return f'<polyline points="{path}" class="{css}"/>'


def legend(entries, y):
    """[(label, css)] side by side, each with a piece of its line, or a dot if its class is no line's."""
    parts, x = [], 24
    for label, css in entries:
        if "line" in css or css == "ceiling":
            parts.append(f'<line x1="{x}" y1="{y - 4}" x2="{x + 26}" y2="{y - 4}" class="{css}" '
                         'stroke-width="2"/>')
        else:
            parts.append(f'<circle cx="{x + 13}" cy="{y - 4}" r="5" class="{css}"/>')
        parts.append(text(x + 34, y, label, css="soft"))
        x += 34 + 7 * len(label) + 26
    return parts


def panels_chart(title, subtitle, panels, entries, x_values, reference):
    """A panel for each of [(label, [(points, css)])]; all have the same axes, x in powers of two.
    `entries` explain the classes, `reference` is a line across every panel."""
    left, top, gap_x, gap_y, height = 44, 116, 34, 58, 130
    width = (WIDTH - left - 24 - gap_x * (PANELS_A_ROW - 1)) / PANELS_A_ROW
    values = [y for _, lines in panels for points, _ in lines for _, y in points]
    most = max(1.05 * max(values), 1.1 * reference)
    span = max(1.0, log2(max(x_values) / min(x_values)))
    parts = legend(entries, 76)
    for i, (label, lines) in enumerate(panels):
        x0 = left + (i % PANELS_A_ROW) * (width + gap_x)
        y1 = top + (i // PANELS_A_ROW) * (height + gap_y) + height

        def at(point, x0=x0, y1=y1):
            return (x0 + width * log2(point[0] / min(x_values)) / span, y1 - height * point[1] / most)

        parts.append(text(x0, y1 - height - 8, label))
        for step in round_steps(most, about=4):
            y = at((min(x_values), step))[1]
            parts += [line(x0, y, x0 + width, y, "grid"), text(x0 - 6, y + 4, number(step), "end", "soft")]
        for x in x_values[::3]:
            parts.append(text(at((x, 0))[0], y1 + 18, number(x), "middle", "soft"))
        y = at((min(x_values), reference))[1]
        parts.append(line(x0, y, x0 + width, y, "ceiling"))
        for points, css in lines:
            places = [at(point) for point in points]
            if len(places) > 1:
                parts.append(polyline(places, css))
            elif places:
                (x, y), = places
                parts.append(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" class="{css.split("-")[0]}"/>')
    rows = ceil(len(panels) / PANELS_A_ROW)
    return document(top + rows * (height + gap_y) - 10, title, subtitle, parts)


def roofline_chart(title, subtitle, series, slope, flat, x_label, unit):
    """Points [(label, [(x, y)], css)] on logarithmic axes below y = slope x and y = flat."""
    left, right, top, bottom = 64, WIDTH - 40, 108, 470
    points = [point for _, some, _ in series for point in some]
    low_x, high_x = floor(log10(min(x for x, _ in points))), ceil(log10(max(x for x, _ in points)))
    low_y = floor(log10(min(y for _, y in points)))
    high_y = ceil(log10(1.1 * max([flat] + [y for _, y in points])))

    def at(x, y):
        return (left + (right - left) * (log10(x) - low_x) / max(1, high_x - low_x),
                bottom - (bottom - top) * (log10(y) - low_y) / max(1, high_y - low_y))

    parts = legend([(label, css) for label, _, css in series] + [("ceilings", "ceiling")], 76)
    parts.append(text(24, top - 12, unit, css="soft"))
    for exponent in range(low_y, high_y + 1):
        y = at(10 ** low_x, 10 ** exponent)[1]
        parts += [line(left, y, right, y, "grid"),
                  text(left - 8, y + 4, number(10 ** exponent), "end", "soft")]
    for exponent in range(low_x, high_x + 1):
        parts.append(text(at(10 ** exponent, 10 ** low_y)[0], bottom + 20, number(10 ** exponent),
                          "middle", "soft"))
    parts.append(text(right, bottom + 40, x_label, "end", "soft"))
    ridge, begin = flat / slope, max(10 ** low_x, 10 ** low_y / slope)
    if begin < ridge < 10 ** high_x:
        parts += [line(*at(begin, slope * begin), *at(ridge, flat), "ceiling"),
                  line(*at(ridge, flat), *at(10 ** high_x, flat), "ceiling")]
    for _, some, css in series:
        for x, y in (at(*point) for point in some):
            parts.append(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="4" class="{css}" '
                         'style="stroke-width: 1"/>')
    return document(bottom + 56, title, subtitle, parts)
