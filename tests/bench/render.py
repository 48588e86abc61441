"""Figures as people read them: a table for the terminal, a table for the README, and a chart."""
import math, os, re

HERE = os.path.dirname(os.path.abspath(__file__))
README = os.path.join(HERE, "../../README.md")
CHART = os.path.join(HERE, "figures.svg")
INTRODUCTION = ("`make bench` measures this. A ratio below 1 is in authpost's favour, above 1 for rates. "
                "C only writes and reads the socket.")
NAME, MUSL = "authpost", "authpost, musl"


def shown(value, unit):
    """Three digits count."""
    digits = 2 - math.floor(math.log10(value)) if value else 0
    value = round(value, digits)
    text = f"{value:,.{max(0, digits)}f}" if not isinstance(value, int) else f"{value:,}"
    return text + (unit if unit.startswith("/") else f" {unit}")


def ours(figure):
    parts = [shown(figure["value"], figure["unit"])]
    parts += [shown(value, unit) for unit, value in figure.get("also", {}).items()]
    if "musl" in figure:
        parts.append(f"with musl {shown(figure['musl'], figure['unit'])}")
    return ", ".join(parts)


def peers(figure):
    """The others, each with how much of it ours is."""
    def ratio(value):
        found = figure["value"] / value
        return f"{found:.0f}" if found >= 10 else f"{found:.2f}"
    return ", ".join(f"{name} {shown(value, figure['unit'])} ({ratio(value)})" for name, value in figure["peers"].items())


def measured(figures):
    versions = ", ".join(f"{name} {version}" for name, version in figures["versions"].items())
    return f"Medians of interleaved runs over loopback, on {figures['date']} on {figures['machine']}, with {versions}."


def table(figures):
    """For whoever measures: with the bars, and whether they hold."""
    lines = ["| what | authpost | others (ratio) | bars | hold |", "|---|---|---|---|---|"]
    for figure in figures["figures"]:
        bars = figure.get("bars", {})
        hold = "–" if not bars else "yes" if all(bars.values()) else "**no**"
        lines.append(f"| {figure['what']} | {ours(figure)} | {peers(figure)} | {', '.join(bars)} | {hold} |")
    return "\n".join(lines)


def readme(figures, text):
    """The README with these figures in it."""
    rows = ["| what | authpost | others (authpost's ratio to each) |", "|---|---|---|"]
    rows += [f"| {figure['what']} | {ours(figure)} | {peers(figure)} |" for figure in figures["figures"]]
    block = ["<!-- figures -->", "![authpost compared with curl and others](tests/bench/figures.svg)", "", INTRODUCTION, "",
             *rows, "", measured(figures), "<!-- /figures -->"]
    pattern = re.compile(r"^<!-- figures -->$.*?^<!-- /figures -->$", re.S | re.M)
    if len(pattern.findall(text)) != 1:
        raise SystemExit("bench: README.md needs one <!-- figures --> and one <!-- /figures -->, each on a line of its own")
    return pattern.sub(lambda _: "\n".join(block), text)


def chart(figures):
    """Horizontal bars, a block for each figure that is to be drawn; authpost's are dark."""
    width, left, y, parts = 640, 130, 8, []
    for figure in figures["figures"]:
        if not figure.get("chart"):
            continue
        bars = {NAME: figure["value"]}
        if "musl" in figure:
            bars[MUSL] = figure["musl"]
        # What is twenty times as long would leave none of the others to be seen.
        bars |= {name: value for name, value in figure["peers"].items() if value < 20 * figure["value"]}
        y += 14
        parts.append(f'<text x="0" y="{y}" font-weight="bold">{figure["what"]}</text>')
        for name, value in bars.items():
            y += 20
            length = max(1, (width - left - 80) * value / max(bars.values()))
            colour = "#1f6feb" if name in (NAME, MUSL) else "#9aa4b2"
            parts.append(f'<text x="{left - 8}" y="{y}" text-anchor="end">{name}</text>'
                         f'<rect x="{left}" y="{y - 11}" width="{length:.1f}" height="14" fill="{colour}"/>'
                         f'<text x="{left + length + 6:.1f}" y="{y}">{shown(value, figure["unit"])}</text>')
        y += 16
    return (f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {y}" width="{width}" height="{y}" '
            'font-family="sans-serif" font-size="12" fill="#57606a">\n' + "\n".join(parts) + "\n</svg>\n")


def render(figures):
    """Writes both into the tree."""
    with open(README) as file:
        text = readme(figures, file.read())
    for path, content in (README, text), (CHART, chart(figures)):
        with open(path, "w") as file:
            file.write(content)
