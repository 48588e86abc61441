//! Items: `key=text` and the related forms on the command line.
//!
//! Owns the syntax that HTTPie made common (the help explains all of it). It must not know arguments other than its
//! own. Invariants: a `:=` value keeps its text, and is parsed only as far as another item reaches into it; no item
//! replaces what another item set; parsing opens no file.

use std::fs;
use std::path::PathBuf;

use super::{not_json, quoted};
use crate::json;
use crate::system::error::{Error, Kind, Result};

/// The maximum depth of an item, in keys.
const MAX_DEPTH: usize = 128;

/// The highest index: a typing error must not create a billion `null`s.
const MAX_INDEX: usize = 1000;

/// The characters that a backslash escapes. Before any other character it is a literal backslash.
const SPECIAL: &[u8] = b"\\=:@[]";

const FORMS: &str = "write KEY=TEXT, KEY:=JSON, KEY=@FILE or KEY:=@FILE";

/// One item of the command line: its path in the object, and its value.
#[derive(Debug)]
pub(crate) struct Item {
    /// The key as written, with brackets and backslashes.
    pub(super) name: String,
    pub(super) path: Vec<Step>,
    value: ItemValue,
}

/// One step of the path from the whole object to the item.
#[derive(Debug)]
pub(super) struct Step {
    pub(super) to: PathStep,
    /// The length of the part of the name that leads to this step.
    pub(super) end: usize,
}

#[derive(Debug)]
pub(super) enum PathStep {
    Key(String),
    Index(usize),
    /// After the last element.
    Next,
}

#[derive(Debug)]
enum ItemValue {
    Text(String),
    /// Valid JSON.
    Json(String),
    TextFile(PathBuf),
    JsonFile(PathBuf),
}

impl Item {
    /// Parses one argument. Opens no file.
    ///
    /// In the key, a backslash escapes a following `\ = : @ [ ]`. Texts, JSON and file names are used as written.
    ///
    /// # Errors
    /// [`Kind::Usage`] if it is not an item, [`Kind::Data`] if the value of `:=` is not JSON. They quote the key, but not
    /// the value.
    pub(crate) fn parse(argument: &str) -> Result<Item> {
        let separator = unescaped(argument, b"=:").next();
        let (name, rest) = argument.split_at(separator.unwrap_or(argument.len()));
        let (form, value) = match (rest.strip_prefix(":="), rest.strip_prefix('=')) {
            (Some(json), _) => (":=…", json),
            (None, Some(text)) if !text.starts_with('=') => ("=…", text),
            _ => return Err(not_an_item(argument, name, rest)),
        };
        let item = || quoted(&format!("{name}{form}"));
        if name.is_empty() {
            return Err(misread(&item(), "no key before it", FORMS));
        }
        let path = path(name).map_err(|why| {
            misread(
                &item(),
                why,
                "in a key, write \\[ and \\] for brackets, and [\\1] for a member called 1",
            )
        })?;
        if path.len() > MAX_DEPTH {
            let why = format!("more than {MAX_DEPTH} keys deep");
            return Err(misread(
                &item(),
                &why,
                "give the inner part as JSON, with :=",
            ));
        }
        let too_high = |step: &Step| matches!(step.to, PathStep::Index(index) if index > MAX_INDEX);
        if path.iter().any(too_high) {
            let why = format!("an index above {MAX_INDEX}");
            return Err(misread(&item(), &why, "give the array as JSON, with :="));
        }
        let value = match (form, value.strip_prefix('@')) {
            (_, Some("")) => return Err(misread(&item(), "no file name behind the '@'", FORMS)),
            (_, Some("-")) => {
                let remedy = "write @/dev/stdin for standard input, @./- for a file named '-'";
                return Err(misread(&item(), "'-' is no file here", remedy));
            }
            (":=…", Some(file)) => ItemValue::JsonFile(file.into()),
            (_, Some(file)) => ItemValue::TextFile(file.into()),
            (":=…", None) if json::trim(value).is_empty() => {
                let remedy = "write := null, or = for an empty text";
                return Err(misread(&item(), "no JSON behind it", remedy));
            }
            (":=…", None) => {
                let json = checked(value.as_bytes(), &format!("the item {}", item()));
                ItemValue::Json(json.map_err(|why| match value.as_bytes() {
                    [b'{' | b'[' | b'"', ..] => why,
                    _ => why.hint("write = instead of := for a text"),
                })?)
            }
            (_, None) => ItemValue::Text(value.to_owned()),
        };
        Ok(Item {
            name: name.to_owned(),
            path,
            value,
        })
    }

    /// The value's JSON text.
    pub(super) fn load(&self) -> Result<String> {
        let read = |file: &PathBuf| {
            let origin = quoted(&file.to_string_lossy());
            match fs::read(file) {
                Ok(bytes) => Ok((origin, bytes)),
                Err(why) => Err(Error::io(Kind::Input, format!("reading {origin}"), &why)),
            }
        };
        match &self.value {
            ItemValue::Text(text) => Ok(json::string(text)),
            ItemValue::Json(json) => Ok(json.clone()),
            ItemValue::TextFile(file) => {
                let (origin, bytes) = read(file)?;
                let text = String::from_utf8(bytes).map_err(|why| {
                    let at = why.utf8_error().valid_up_to();
                    Error::new(
                        Kind::Data,
                        format!("checking {origin}: not UTF-8 after byte {at}"),
                    )
                })?;
                Ok(json::string(&text))
            }
            ItemValue::JsonFile(file) => {
                let (origin, bytes) = read(file)?;
                checked(&bytes, &origin)
            }
        }
    }
}

/// The error for an argument that is not an item, but can be shown: `item` quotes it.
fn misread(item: &str, why: &str, remedy: &str) -> Error {
    Error::new(Kind::Usage, format!("reading the item {item}: {why}")).hint(remedy)
}

/// The error for an argument that is no item at all. It may be anything, even a token, so only enough of it is quoted
/// to recognize it.
fn not_an_item(argument: &str, name: &str, rest: &str) -> Error {
    let glimpse = |text: &str| match text.char_indices().nth(8) {
        Some((end, _)) => quoted(&format!("{}…", &text[..end])),
        None => quoted(text),
    };
    match (argument.as_bytes().first(), rest) {
        (Some(b'{' | b'['), _) => {
            let what = "reading the items: one looks like a whole document";
            Error::new(Kind::Usage, what).hint("give a whole document with -d: authpost -d '{\"key\":\"value\"}' https://api.example.com/data")
        }
        (Some(b'@'), "") => {
            let remedy = "give a file that is the whole document with -d: authpost -d @document.json https://api.example.com/data";
            misread(&glimpse(argument), "no key", remedy)
        }
        (_, "") => misread(&glimpse(argument), "no '=' in it", FORMS),
        (_, rest) if rest.starts_with('=') => misread(
            &glimpse(&format!("{name}==…")),
            "it looks like a part of the URL",
            "write := for a text that begins with =, and a query in the URL: authpost 'https://api.example.com/data?name=value' key=value",
        ),
        _ => misread(
            &quoted(&format!("{name}:…")),
            "it looks like a header",
            match name.eq_ignore_ascii_case("Authorization") {
                true => {
                    "give the token's file: authpost --token-file ~/.api-token https://api.example.com/data key=value"
                }
                false => {
                    "write := for JSON, and -H for a header: authpost -H 'Name: value' https://api.example.com/data key=value"
                }
            },
        ),
    }
}

/// The JSON text without surrounding white space, if it is valid.
fn checked(json: &[u8], origin: &str) -> Result<String> {
    json::check(json).map_err(|error| not_json(origin, &error))?;
    let json = String::from_utf8_lossy(json); // it was checked: nothing is lost
    Ok(json::trim(&json).to_owned())
}

/// The steps of a key such as `a[b][0][]`. The error says what is wrong with it.
fn path(name: &str) -> std::result::Result<Vec<Step>, &'static str> {
    let mut steps = Vec::new();
    let mut open = None;
    let mut end = 0;
    for at in unescaped(name, b"[]") {
        match (name.as_bytes()[at], open) {
            (b'[', Some(_)) => return Err("a '[' within brackets"),
            (b'[', None) => {
                if steps.is_empty() {
                    if at == 0 {
                        return Err("no key before the '['");
                    }
                    steps.push(Step {
                        to: PathStep::Key(bare(&name[..at])),
                        end: at,
                    });
                } else if end != at {
                    return Err("something between ']' and '['");
                }
                open = Some(at + 1);
            }
            (_, None) => return Err("a ']' without its '['"),
            (_, Some(start)) => {
                let digits = &name[start..at];
                end = at + 1;
                open = None;
                steps.push(Step {
                    to: match digits {
                        "" => PathStep::Next,
                        digits if digits.bytes().all(|byte| byte.is_ascii_digit()) => {
                            PathStep::Index(digits.parse().unwrap_or(usize::MAX))
                        }
                        odd if is_like_index(odd) => {
                            return Err("an index that is not a whole number such as 0 or 12");
                        }
                        key => PathStep::Key(bare(
                            key.strip_prefix('\\')
                                .filter(|number| is_like_index(number))
                                .unwrap_or(key),
                        )),
                    },
                    end,
                });
            }
        }
    }
    if open.is_some() {
        return Err("a '[' without its ']'");
    }
    if steps.is_empty() {
        steps.push(Step {
            to: PathStep::Key(bare(name)),
            end: name.len(),
        });
    } else if end != name.len() {
        return Err("something behind the last ']'");
    }
    Ok(steps)
}

/// Whether the user may have meant a number. A backslash before it makes it a name.
fn is_like_index(text: &str) -> bool {
    let text = text.trim();
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text).trim();
    !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit())
}

/// The positions in `text` of these bytes where no backslash escapes them.
fn unescaped(text: &str, wanted: &[u8]) -> impl Iterator<Item = usize> {
    let bytes = text.as_bytes();
    let mut at = 0;
    std::iter::from_fn(move || {
        loop {
            let found = at;
            match bytes.get(at..)? {
                [b'\\', escaped, ..] if SPECIAL.contains(escaped) => at += 2,
                [byte, ..] => {
                    at += 1;
                    if wanted.contains(byte) {
                        return Some(found);
                    }
                }
                [] => return None,
            }
        }
    })
}

/// The text without the backslashes that escape something.
fn bare(text: &str) -> String {
    let mut bare = String::with_capacity(text.len());
    let mut characters = text.chars().peekable();
    while let Some(character) = characters.next() {
        let escaped = characters.next_if(|next| {
            character == '\\' && u8::try_from(*next).is_ok_and(|next| SPECIAL.contains(&next))
        });
        bare.push(escaped.unwrap_or(character));
    }
    bare
}
