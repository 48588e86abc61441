#!/usr/bin/env python3
"""Prints the licences of all that is linked into the binary: licences.py TARGET...

A static binary is a copy of every crate in it, and their licences ask that their texts go along. A crate without a text is
an error."""

import json
import pathlib
import subprocess
import sys

HEAD = """\
authpost is licensed under MIT or Apache-2.0, at your choice: see LICENSE-MIT and LICENSE-APACHE.
Its binary also contains the work of others, under the licences below.

The Rust standard library, of The Rust Project Developers, is licensed under MIT or Apache-2.0.

The C library is linked in: musl (MIT), or the GNU C Library (LGPL-2.1-or-later); 'authpost -V' says
which. The source at {repository} builds authpost with any other version of it.
"""


def crates(target):
    """The packages that are linked in for a target, or run when they are built, without this one."""
    command = ["cargo", "metadata", "--locked", "--format-version", "1", "--filter-platform", target]
    found = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)
    packages = {package["id"]: package for package in found["packages"]}
    nodes = {node["id"]: node for node in found["resolve"]["nodes"]}
    root = found["resolve"]["root"]
    seen, todo = {root}, [root]
    while todo:
        for dep in nodes[todo.pop()]["deps"]:
            normal = any(kind["kind"] is None for kind in dep["dep_kinds"])
            if normal and dep["pkg"] not in seen:
                seen.add(dep["pkg"])
                todo.append(dep["pkg"])
    return packages[root], [packages[name] for name in seen - {root}]


def texts(package):
    """The texts of its licences, by file name."""
    folder = pathlib.Path(package["manifest_path"]).parent
    names = ("LICEN", "COPYING", "COPYRIGHT", "NOTICE", "UNLICENSE")
    files = sorted(path for path in folder.iterdir() if path.is_file() and path.name.upper().startswith(names))
    if not files:
        sys.exit(f"licences.py: no licence text in {package['name']} {package['version']}")
    return {path.name: path.read_text().strip("\n") for path in files}


def main(targets):
    linked = {}
    for target in targets:
        root, packages = crates(target)
        linked.update({(package["name"], package["version"]): package for package in packages})
    rule = "=" * 78
    print(HEAD.format(repository=root["repository"]), end="")
    shown = {}
    for (name, version), package in sorted(linked.items()):
        print(f"\n{rule}\n{name} {version}: {package['license']}")
        for file, text in texts(package).items():
            if text in shown:
                print(f"\n{file}: the same text as in {shown[text]}")
                continue
            shown[text] = f"{name}, {file}"
            print(f"\n{file}:\n\n{text}")
    # What the GNU C Library asks for; Debian and Ubuntu have it here.
    if any("-gnu" in target for target in targets):
        text = pathlib.Path("/usr/share/common-licenses/LGPL-2.1").read_text().strip("\n")
        print(f"\n{rule}\nThe GNU C Library: LGPL-2.1-or-later\n\n{text}")


main(sys.argv[1:])
