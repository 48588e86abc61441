#!/usr/bin/env python3
"""Draws the README's example as a terminal shows it: picture.py AUTHPOST API >tests/demo/example.svg, by 'make demo-svg'.

The commands are run, on a terminal, against the demo API, which stands in for https://api.example.com/data; only that address
is written in the place of the real one. A test holds the picture to what this prints.
"""

import html
import os
import pty
import re
import subprocess
import sys
import tempfile

SHOWN = "https://api.example.com/data"
TOKEN = "demo-token"

# What is typed at the prompt, and then what is typed into the program that runs. \4 is Ctrl-D.
TYPED = [
    ("install -m 600 /dev/stdin ~/.api-token", TOKEN + "\n\4"),
    (f"authpost --token-file ~/.api-token {SHOWN} key1=value1 key2=value2", ""),
    ("echo $?", ""),
]

TITLE = "authpost in a terminal"
FONT = "ui-monospace,SFMono-Regular,Menlo,Consolas,'DejaVu Sans Mono','Liberation Mono',monospace"
SIZE, LINE, MARGIN = 13, 19, 16
GLYPH = 0.61 * SIZE  # the widest of these fonts
BACKGROUND, TEXT, PROMPT = "#0d1117", "#e6edf3", "#8b949e"
# Codes of SGR, the escape sequence for colours; the bright ones, from 90 on, are shown as these.
COLOURS = {0: "#8b949e", 1: "#ff7b72", 2: "#7ee787", 3: "#e3b341", 4: "#79c0ff", 5: "#d2a8ff", 6: "#76e3ea", 7: "#e6edf3"}


def run(command, typed, code, home, url):
    """What the terminal shows of a command, and its exit code. `code` is that of the command before."""
    ours, theirs = pty.openpty()
    env = {"HOME": home, "PATH": f"{home}/bin:/usr/bin:/bin", "TERM": "xterm-256color", "LC_ALL": "C.UTF-8"}
    script = '(exit "$1"); eval "$2"'
    child = subprocess.Popen(
        ["/bin/sh", "-c", script, "sh", str(code), command.replace(SHOWN, url)],
        stdin=theirs, stdout=theirs, stderr=theirs, env=env, cwd=home, start_new_session=True)
    os.close(theirs)
    os.write(ours, typed.encode())
    shown = b""
    while True:
        try:
            piece = os.read(ours, 65536)
        except OSError:  # the other end is closed
            piece = b""
        if not piece:
            break
        shown += piece
    os.close(ours)
    return shown.decode().replace("\r\n", "\n").replace(url, SHOWN), child.wait()


def spans(line):
    """A line in SVG, with its colours."""
    style, out = "", ""
    for part in re.split(r"(\x1b\[[0-9;]*m)", line):
        if not part.startswith("\x1b["):
            text = html.escape(part, quote=False)
            out += f"<tspan{style}>{text}</tspan>" if text and style else text
            continue
        for code in (int(number or 0) for number in part[2:-1].split(";")):
            if code in (0, 22, 39):
                style = ""
            elif code == 1:
                style += ' font-weight="bold"'
            elif code == 2:
                style += f' fill="{PROMPT}"'
            elif code // 10 in (3, 9) and code % 10 in COLOURS:
                style = re.sub(' fill="[^"]*"', "", style) + f' fill="{COLOURS[code % 10]}"'
            else:
                sys.exit(f"picture: no colour is known for {part!r}")
    return out


def draw(lines):
    """The picture of these lines; of a command, the prompt is separate."""
    plain = [re.sub(r"\x1b\[[0-9;]*m", "", line) for line in lines]
    if any(not char.isprintable() for line in plain for char in line):
        sys.exit(f"picture: a line has more than text and colours: {plain!r}")
    width = round(max(map(len, plain)) * GLYPH) + 2 * MARGIN
    height = len(lines) * LINE + 2 * MARGIN - 4
    said = html.escape("\n".join(plain), quote=False)
    print(f'<svg xmlns="http://www.w3.org/2000/svg" role="img" aria-labelledby="title desc" '
          f'viewBox="0 0 {width} {height}" width="{width}" height="{height}" '
          f'font-family="{FONT}" font-size="{SIZE}" fill="{TEXT}" xml:space="preserve">')
    print(f'<title id="title">{TITLE}</title>\n<desc id="desc">{said}</desc>')
    print(f'<rect x="0.5" y="0.5" width="{width - 1}" height="{height - 1}" rx="8" fill="{BACKGROUND}" stroke="#30363d"/>')
    for number, line in enumerate(lines):
        y = MARGIN + number * LINE + SIZE - 2
        text = f'<tspan fill="{PROMPT}">$ </tspan>{spans(line[2:])}' if line.startswith("$ ") else spans(line)
        print(f'<text x="{MARGIN}" y="{y}">{text}</text>')
    print("</svg>")


def main():
    authpost, api = (os.path.abspath(path) for path in sys.argv[1:3])
    with tempfile.TemporaryDirectory() as home:
        os.mkdir(f"{home}/bin")
        os.symlink(authpost, f"{home}/bin/authpost")
        served = subprocess.Popen([api], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
                                  env={"DEMO_TOKEN": TOKEN})
        url = served.stdout.readline().strip()
        lines, code = [], 0
        for command, typed in TYPED:
            shown, code = run(command, typed, code, home, url)
            if code != 0:
                sys.exit(f"picture: exit code {code} of: {command}\n{shown}")
            lines += [f"$ {command}", *shown.splitlines()]
        served.stdin.close()
        served.wait()
    draw(lines)


main()
