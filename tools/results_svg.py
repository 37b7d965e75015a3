# SPDX-License-Identifier: BSD-3-Clause
"""Charts as SVG, by hand: no library, readable in light and dark mode, text that stays text. Two kinds
of charts; matmul_svg.py has two more."""

from html import escape

WIDTH = 800
# Classes with colours of their own instead of CSS variables, which many viewers do not know.
LIGHT = {"surface": "#fcfcfb", "ink": "#0b0b0b", "soft": "#52514e", "grid": "#e4e3df",
         "ceiling": "#6f6d68", "ours": "#2a78d6", "second": "#1baf7a", "other": "#b9b7b0"}
DARK = {"surface": "#1a1a19", "ink": "#ffffff", "soft": "#c3c2b7", "grid": "#33332f",
        "ceiling": "#a8a69f", "ours": "#3987e5", "second": "#199e70", "other": "#6b6a64"}


def colours(names):
    return f"""
  text {{ fill: {names["ink"]}; }} text.soft {{ fill: {names["soft"]}; }}
  .surface {{ fill: {names["surface"]}; }} .grid {{ stroke: {names["grid"]}; }}
  .ceiling {{ stroke: {names["ceiling"]}; }} .other {{ fill: {names["other"]}; }}
  .ours {{ fill: {names["ours"]}; }} .second {{ fill: {names["second"]}; }}
  .ours-line {{ stroke: {names["ours"]}; }} .second-line {{ stroke: {names["second"]}; }}
  .other-line {{ stroke: {names["other"]}; }}
  circle {{ stroke: {names["surface"]}; }}
"""


STYLE = f"""
  text {{ font: 13px system-ui, -apple-system, "Segoe UI", Roboto, Helvetica, Arial, sans-serif; }}
  text.title {{ font-size: 16px; font-weight: 600; }} text.soft {{ font-size: 12px; }}
  .ceiling {{ stroke-width: 1.5; stroke-dasharray: 5 4; }}
  polyline {{ fill: none; stroke-width: 2; }} .dashed {{ stroke-dasharray: 5 4; }} circle {{ stroke-width: 2; }}
{colours(LIGHT)}  @media (prefers-color-scheme: dark) {{ {colours(DARK)} }}
"""


def text(x, y, content, anchor="start", css=None):
    css = f' class="{css}"' if css else ""
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}"{css}>{escape(content)}</text>'


def line(x1, y1, x2, y2, css):
    return f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" class="{css}"/>'


def document(height, title, subtitle, parts):
    """The whole file: a card of its own colour with title and subtitle."""
    head = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height:.0f}" '
            f'width="{WIDTH}" height="{height:.0f}" role="img" aria-label="{escape(title)}">',
            f"<style>{STYLE}</style>",
            f'<rect width="{WIDTH}" height="{height:.0f}" rx="8" class="surface"/>',
            text(24, 32, title, css="title"), text(24, 52, subtitle, css="soft")]
    return "\n".join(head + parts + ["</svg>"]) + "\n"


def round_steps(most, about=5):
    """0, a round step, and its multiples up to `most`, about so many."""
    step = 10.0 ** -6
    for factor in (2, 2.5, 2) * 12:
        if most / step <= about + 1:
            break
        step *= factor
    return [i * step for i in range(int(most / step + 1e-9) + 1)]


def number(value):
    return f"{value:.10g}"


def bar_chart(title, subtitle, bars, ceilings, unit):
    """Horizontal bars [(label, value, note, is_ours)], with a vertical line for each of the ceilings
    [(label, value)]."""
    left, right, top, row_height, bar_height = 270, WIDTH - 130, 100, 30, 18
    bottom = top + row_height * len(bars)
    most = 1.02 * max([value for _, value, _, _ in bars] + [value for _, value in ceilings])

    def x(value):
        return left + (right - left) * value / most

    parts = []
    for step in round_steps(most):
        parts += [line(x(step), top, x(step), bottom, "grid"),
                  text(x(step), bottom + 18, number(step), "middle", "soft")]
    parts.append(text(right, bottom + 36, unit, "end", "soft"))
    # The lower ceiling's label goes to the left of its line, the other's to the right: the lines may
    # be close to each other.
    for i, (label, value) in enumerate(sorted(ceilings, key=lambda ceiling: ceiling[1])):
        side, anchor = (-6, "end") if i == 0 else (6, "start")
        parts += [line(x(value), top - 20, x(value), bottom, "ceiling"),
                  text(x(value) + side, top - 10, f"{label} {value:.2f}", anchor, "soft")]
    for i, (label, value, note, is_ours) in enumerate(bars):
        y = top + row_height * i + (row_height - bar_height) / 2
        width = max(2.0, x(value) - left)
        radius = min(4.0, width)
        parts += [
            text(left - 10, y + 14, label, "end"),
            f'<path d="M{left} {y:.1f}h{width - radius:.1f}q{radius:.1f} 0 {radius:.1f} {radius:.1f}'
            f'v{bar_height - 2 * radius:.1f}q0 {radius:.1f} -{radius:.1f} {radius:.1f}'
            f'h-{width - radius:.1f}z" class="{"ours" if is_ours else "other"}"/>',
            text(right + 12, y + 14, note)]
    return document(bottom + 52, title, subtitle, parts)


def line_chart(title, subtitle, series, x_label, unit):
    """Lines [(label, [(x, y)])], at most two, labelled at their ends; the axes begin at 0."""
    left, right, top, bottom = 64, WIDTH - 170, 84, 320
    most_x = max(x for _, points in series for x, _ in points)
    most_y = 1.1 * max(y for _, points in series for _, y in points)

    def at(point):
        return (left + (right - left) * point[0] / most_x, bottom - (bottom - top) * point[1] / most_y)

    parts = []
    for step in round_steps(most_y):
        y = at((0, step))[1]
        parts += [line(left, y, right, y, "grid"), text(left - 10, y + 4, number(step), "end", "soft")]
    for value in sorted({x for _, points in series for x, _ in points}):
        parts.append(text(at((value, 0))[0], bottom + 20, number(value), "middle", "soft"))
    parts += [text(right, bottom + 40, x_label, "end", "soft"), text(24, top - 12, unit, css="soft")]
    ends = []
    for (label, points), colour in zip(series, ("ours", "second")):
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in map(at, points))
        parts.append(f'<polyline points="{path}" class="{colour}-line"/>')
        for x, y in map(at, points):
            parts.append(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="5" class="{colour}"/>')
        ends.append((at(points[-1])[1], label, points[-1][1]))
    # Labels at the ends of lines, kept apart.
    previous = None
    for y, label, value in sorted(ends):
        y = y if previous is None else max(y, previous + 18)
        parts.append(text(right + 12, y + 4, f"{label}: {value:.2f}"))
        previous = y
    return document(bottom + 56, title, subtitle, parts)
