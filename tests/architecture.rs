//! The layers of `src`: a file uses its own layer and those below it, never one above.

use std::fs;
use std::path::{Path, PathBuf};

/// The map of the code. Its table of layers, top to bottom, is the order that is checked here.
const MAP: &str = include_str!("../src/ARCHITECTURE.md");

/// The layers of `map`, top to bottom: what stands in the first column of the table whose first row is `main`.
fn layers(map: &str) -> Vec<&str> {
    map.lines()
        .filter_map(|line| line.strip_prefix("| [`")?.split_once("`]"))
        .map(|(layer, _)| layer)
        .skip_while(|layer| *layer != "main")
        .collect()
}

/// A path through the crate's root: the line it stands on, and its names, such as `http::Client`.
#[derive(Debug, PartialEq)]
struct Use {
    line: usize,
    path: String,
}

/// All of `source`'s paths through the crate's root, those in the braces of a `use crate::{...}` each by itself.
fn uses(source: &str) -> Vec<Use> {
    // Without the comments, which are free to name what they like. The "//" of a URL stays.
    let code: String = source
        .lines()
        .map(|line| match line.trim_start().starts_with("//") {
            true => "\n".to_owned(),
            false => line.split(" // ").next().unwrap_or_default().to_owned() + "\n",
        })
        .collect();
    let mut found = Vec::new();
    for (at, root) in code.match_indices("crate::") {
        let is_word = |c: char| c.is_alphanumeric() || c == '_' || c == '$';
        if code[..at].ends_with(is_word) {
            continue;
        }
        let mut depth = 0;
        let mut starts = vec![at + root.len()];
        for (offset, c) in code[starts[0]..].char_indices() {
            match c {
                '{' => depth += 1,
                '}' => depth -= 1,
                _ => {}
            }
            // Without a brace at once, it is one path.
            if depth == 0 {
                break;
            }
            if depth == 1 && matches!(c, '{' | ',') {
                starts.push(at + root.len() + offset + 1);
            }
        }
        if starts.len() > 1 {
            starts.remove(0);
        }
        for start in starts {
            let rest = &code[start..];
            let name = start + (rest.len() - rest.trim_start().len());
            let is_path = |c: char| is_word(c) || matches!(c, ':' | '*');
            let end = code[name..]
                .find(|c| !is_path(c))
                .map_or(code.len(), |n| name + n);
            let path = code[name..end].trim_end_matches(':').to_owned();
            if !path.is_empty() {
                let line = code[..name].matches('\n').count() + 1;
                found.push(Use { line, path });
            }
        }
    }
    found
}

/// The layer of a file below `src`, given by its path from there.
fn layer(file: &Path) -> String {
    let first = file.iter().next().unwrap_or_default();
    first.to_string_lossy().trim_end_matches(".rs").to_owned()
}

/// The file below `src` that `path` leads into, as far as its names are modules.
fn target(src: &Path, path: &str) -> PathBuf {
    let mut found = PathBuf::from("main.rs");
    let mut dir = PathBuf::new();
    for name in path.split("::") {
        dir.push(name);
        let candidates = [dir.join("mod.rs"), dir.with_extension("rs")];
        match candidates.into_iter().find(|file| src.join(file).is_file()) {
            Some(file) => found = file,
            None => break,
        }
    }
    found
}

/// All Rust files below `dir`.
fn files(dir: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path));
        } else if path.extension().is_some_and(|it| it == "rs") {
            found.push(path);
        }
    }
    found.sort();
    found
}

fn src() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src")
}

#[test]
fn no_layer_uses_one_above_it() {
    let src = src();
    let layers = layers(MAP);
    let height = |name: &str| {
        layers
            .iter()
            .rev()
            .position(|layer| *layer == name)
            .unwrap()
    };
    let mut wrong = Vec::new();
    let mut seen = 0;
    for file in files(&src) {
        let name = file.strip_prefix(&src).unwrap();
        let here = layer(name);
        let source = fs::read_to_string(&file).unwrap();
        for Use { line, path } in uses(&source) {
            let used = target(&src, &path);
            let there = layer(&used);
            seen += usize::from(here != there);
            if height(&there) > height(&here) {
                let (name, used) = (name.display(), used.display());
                wrong.push(format!(
                    "src/{name}:{line} uses src/{used}: {here} is below {there}"
                ));
            }
        }
        for (index, line) in source.lines().enumerate() {
            // The other way to the root, which this test could not tell from a way within the layer.
            let is_top = name.ends_with("mod.rs") && name.iter().count() == 2;
            if line.contains("super::super::") || is_top && line.contains("super::") {
                let (name, line) = (name.display(), index + 1);
                wrong.push(format!(
                    "src/{name}:{line} leaves its module by super: write crate::"
                ));
            }
        }
    }
    assert!(wrong.is_empty(), "\n{}\n", wrong.join("\n"));
    assert!(
        seen > 50,
        "only {seen} uses of another layer: are they still seen?"
    );
}

#[test]
fn the_map_has_every_layer() {
    let mut folders: Vec<String> = fs::read_dir(src())
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.is_dir() || path.extension().is_some_and(|it| it == "rs"))
        .map(|path| layer(Path::new(path.file_name().unwrap())))
        .collect();
    folders.sort();
    let mut layers = layers(MAP);
    layers.sort();
    assert_eq!(layers, folders);
}

#[test]
fn every_form_of_a_use_is_seen() {
    let source = "\
use crate::http::{Answer, tls::Origin};
use crate::{
    dns, // crate::no
    json::{self, Pointer},
    system::{error::{Error, Kind}, time},
};
/// crate::no
pub(in crate::auth) fn f() -> crate::cli::Command { $crate::no!(); mycrate::no() }
use crate::*;
";
    let seen: Vec<_> = uses(source)
        .into_iter()
        .map(|it| (it.line, it.path))
        .collect();
    let expected = [
        (1, "http"),
        (3, "dns"),
        (4, "json"),
        (5, "system"),
        (8, "auth"),
        (8, "cli::Command"),
        (9, "*"),
    ];
    assert_eq!(seen, expected.map(|(line, path)| (line, path.to_owned())));
}

#[test]
fn the_files_that_comments_name_exist() {
    let src = src();
    let all = files(&src);
    let mut missing = Vec::new();
    let maps = [src.join("ARCHITECTURE.md")];
    for file in all.iter().chain(&maps) {
        let text = fs::read_to_string(file).unwrap();
        let is_map = file.extension().is_some_and(|it| it == "md");
        let comments = text
            .lines()
            .filter(|line| is_map || line.trim_start().starts_with("//"));
        for name in comments.flat_map(|line| line.split('`').skip(1).step_by(2)) {
            if !name.ends_with(".rs") || name.contains(char::is_whitespace) {
                continue;
            }
            let beside = file.parent().unwrap().join(name);
            let repository = src.parent().unwrap().join(name);
            if ![src.join(name), beside, repository]
                .iter()
                .any(|it| it.is_file())
            {
                missing.push(format!(
                    "{} names {name}",
                    file.strip_prefix(&src).unwrap().display()
                ));
            }
        }
    }
    assert!(missing.is_empty(), "\n{}\n", missing.join("\n"));
}
