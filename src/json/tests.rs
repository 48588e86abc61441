//! JSON text: the validator against `serde_json`, and every function against hand-written results.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::cell::RefCell;

use super::*;

/// The error in `text` as a message; `fine` if there is none.
fn verdict(text: impl AsRef<[u8]>) -> String {
    check(text.as_ref()).map_or_else(|error| error.to_string(), |()| "fine".to_owned())
}

#[test]
fn texts_that_are_json() {
    for text in [
        "0",
        "-0",
        "1.10",
        "1e400",
        "-1.5E+10",
        "0e-0",
        "12345678901234567890123",
        "true",
        " false\n",
        "\t\r\nnull",
        "\"\"",
        r#""\"\\\/\b\f\n\r\t\u00e9\ud800""#,
        "\"é€😀\u{7f}\u{10ffff}\u{d7ff}\u{e000}\u{800}\u{80}\u{10000}\"",
        "[]",
        "[ ]",
        "{ }",
        "[[],{},[[]]]",
        r#"{"a":1,"a":2,"":{"b":[1, 2 ,3]}}"#,
        "{\n  \"a\" : [\n            1\n  ]\n}\n",
    ] {
        assert_eq!(verdict(text), "fine", "{text}");
    }
}

#[test]
fn texts_that_are_not_json_and_where() {
    for (text, error) in [
        ("", "line 1, column 1: nothing at all"),
        (" ", "line 1, column 2: nothing but white space"),
        ("\n \n", "line 3, column 1: nothing but white space"),
        ("}", "line 1, column 1: expected a value, found '}'"),
        ("NaN", "line 1, column 1: expected a value, found 'N'"),
        ("+1", "line 1, column 1: expected a value, found '+'"),
        (".5", "line 1, column 1: expected a value, found '.'"),
        ("'a'", "line 1, column 1: expected a value, found \"'\""),
        ("//", "line 1, column 1: expected a value, found '/'"),
        (
            "\u{feff}1",
            "line 1, column 1: expected a value, found a byte order mark",
        ),
        (
            "1\u{feff}",
            "line 1, column 2: expected the end, found the byte 0xef",
        ),
        ("01", "line 1, column 2: a number with a leading zero"),
        ("-01", "line 1, column 3: a number with a leading zero"),
        ("-", "line 1, column 2: the document ends too early"),
        ("-a", "line 1, column 2: expected a digit, found 'a'"),
        ("1.", "line 1, column 3: the document ends too early"),
        ("[1.]", "line 1, column 4: expected a digit, found ']'"),
        ("1e", "line 1, column 3: the document ends too early"),
        ("1ex", "line 1, column 3: expected a digit, found 'x'"),
        ("1e+", "line 1, column 4: the document ends too early"),
        ("1.5.5", "line 1, column 4: expected the end, found '.'"),
        ("0x10", "line 1, column 2: expected the end, found 'x'"),
        ("1 2", "line 1, column 3: two documents"),
        ("{}\n{}", "line 2, column 1: two documents"),
        ("\"\" \"\"", "line 1, column 4: two documents"),
        ("{}}", "line 1, column 3: expected the end, found '}'"),
        ("1,", "line 1, column 2: expected the end, found ','"),
        (
            "1\0",
            "line 1, column 2: expected the end, found the byte 0x00",
        ),
        ("{", "line 1, column 2: the document ends too early"),
        ("{\n\n", "line 3, column 1: the document ends too early"),
        ("{,}", "line 1, column 2: expected a key or '}', found ','"),
        (
            "{a:1}",
            "line 1, column 2: expected a key or '}', found 'a'",
        ),
        (
            "{'a':1}",
            "line 1, column 2: expected a key or '}', found \"'\"",
        ),
        ("{\"a\"}", "line 1, column 5: expected ':', found '}'"),
        ("{\"a\":}", "line 1, column 6: expected a value, found '}'"),
        ("{\"a\": }", "line 1, column 7: expected a value, found '}'"),
        ("{\"a\":1,}", "line 1, column 8: expected a key, found '}'"),
        ("{\"a\":1, }", "line 1, column 9: expected a key, found '}'"),
        (
            "{\"a\":1]",
            "line 1, column 7: expected ',' or '}', found ']'",
        ),
        (
            "{\"a\":1 \"b\":2}",
            "line 1, column 8: expected ',' or '}', found '\"'",
        ),
        ("[1,]", "line 1, column 4: expected a value, found ']'"),
        (
            "[,1]",
            "line 1, column 2: expected a value or ']', found ','",
        ),
        ("[1}", "line 1, column 3: expected ',' or ']', found '}'"),
        (
            "[1,\n 2\n 3]",
            "line 3, column 2: expected ',' or ']', found '3'",
        ),
        (
            "[1,\n            x]",
            "line 2, column 13: expected a value, found 'x'",
        ),
        ("tru", "line 1, column 4: the document ends too early"),
        ("[trux]", "line 1, column 5: expected 'true', found 'x'"),
        ("falsy", "line 1, column 5: expected 'false', found 'y'"),
        ("nul ", "line 1, column 4: expected 'null', found ' '"),
        ("truely", "line 1, column 5: expected the end, found 'l'"),
        ("\"abc", "line 1, column 5: the document ends too early"),
        (
            "\"a\nb\"",
            "line 1, column 3: a control character in a string",
        ),
        (
            "[\n\"é\u{1f}\"]",
            "line 2, column 4: a control character in a string",
        ),
        ("\"\\x\"", "line 1, column 3: expected an escape, found 'x'"),
        ("\"\\", "line 1, column 3: the document ends too early"),
        (
            "\"\\u00g0\"",
            "line 1, column 6: expected a hexadecimal digit, found 'g'",
        ),
    ] {
        assert_eq!(verdict(text), error, "{text:?}");
    }
}

#[test]
fn strings_are_utf_8() {
    for (bytes, column) in [
        (&b"\"\x80\""[..], 2),
        (b"\"\xC0\x80\"", 2),
        (b"\"\xC1\xBF\"", 2),
        (b"\"\xC2\"", 3),
        (b"\"\xE0\x9F\xBF\"", 3),
        (b"\"\xED\xA0\x80\"", 3),
        (b"\"\xE2\x82\"", 4),
        (b"\"\xEF\xBFa\"", 4),
        (b"\"\xF0\x8F\xBF\xBF\"", 3),
        (b"\"\xF4\x90\x80\x80\"", 3),
        (b"\"\xF5\x80\x80\x80\"", 2),
        (b"\"\xF0\x9F\x98\"", 5),
        (b"\"plain text \xFF\"", 13),
    ] {
        assert_eq!(
            verdict(bytes),
            format!("line 1, column {column}: not UTF-8"),
            "{bytes:x?}"
        );
    }
    assert_eq!(
        verdict(b"\"\xE2\x82"),
        "line 1, column 4: the document ends too early"
    );
}

#[test]
fn nesting_costs_no_stack() {
    let deep = 100_000;
    let (open, close) = ("[".repeat(deep), "]".repeat(deep));
    assert_eq!(
        verdict(&open),
        "line 1, column 100001: the document ends too early"
    );
    assert_eq!(verdict(format!("{open}{close}")), "fine");
    assert_eq!(
        verdict(format!("{open}{close}]")),
        "line 1, column 200001: expected the end, found ']'"
    );
    // Every kind of bracket closes correctly across the boundaries of the words, which hold 63 levels each.
    for depth in [1, 63, 64, 65, 127, 128, 129, 1000] {
        for wrong in 0..depth {
            let object = |level: usize| level.is_multiple_of(3) || level.is_multiple_of(7);
            let mut text: String = (0..depth)
                .map(|level| if object(level) { "{\"\":" } else { "[" })
                .collect();
            text.push('0');
            for level in (0..depth).rev() {
                text.push(if object(level) { '}' } else { ']' });
            }
            assert_eq!(verdict(&text), "fine");
            let at = text.len() - 1 - wrong;
            let other = if &text[at..=at] == "}" { "]" } else { "}" };
            text.replace_range(at..=at, other);
            let error = check(text.as_bytes()).unwrap_err();
            assert_eq!(error.column, at as u64 + 1);
        }
    }
}

/// A simple random number generator (xorshift64*), so that a failure can be reproduced.
struct Dice(u64);

impl Dice {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 33) as usize % limit
    }

    fn one_of<'a>(&mut self, choice: &[&'a str]) -> &'a str {
        choice[self.below(choice.len())]
    }

    fn document(&mut self, depth: usize, out: &mut String) {
        const SPACES: &[&str] = &["", "", "", " ", "\n", "\t", "\r\n", "\n          ", "   "];
        const SCALARS: &[&str] = &[
            "true",
            "false",
            "null",
            "0",
            "-0",
            "10",
            "-1.50",
            "1e400",
            "2E-7",
            "0.0e+0",
            "\"\"",
            "\"a\"",
            "\"\\u00e9\\n\"",
            "\"é\"",
            "\"日本語 text and more text\"",
            "\"😀😀\"",
            "\"\\ud83d\\ude00\"",
            "\"0123456789abcdefghijklmnopqrstuvwxyz\"",
            "\"\\\"\\\\\"",
            "123456789012345678901234567890",
        ];
        out.push_str(self.one_of(SPACES));
        match self.below(if depth == 0 { 1 } else { 3 }) {
            0 => out.push_str(self.one_of(SCALARS)),
            kind => {
                out.push(if kind == 1 { '[' } else { '{' });
                out.push_str(self.one_of(SPACES));
                for count in 0..self.below(4) {
                    out.push_str(if count > 0 { "," } else { "" });
                    if kind == 2 {
                        out.push_str(self.one_of(SPACES));
                        out.push_str(self.one_of(&[
                            "\"a\"",
                            "\"\"",
                            "\"key\"",
                            "\"\\u0061\"",
                            "\"ключ\"",
                        ]));
                        out.push_str(self.one_of(SPACES));
                        out.push(':');
                    }
                    self.document(depth - 1, out);
                }
                out.push(if kind == 1 { ']' } else { '}' });
            }
        }
        out.push_str(self.one_of(SPACES));
    }

    /// A document in which usually a few bytes are damaged.
    fn damaged(&mut self) -> Vec<u8> {
        const BYTES: &[u8] =
            b"\"\\{}[],: \n\t01-+.eEtfnu/a\x00\x1f\x7f\x80\xbf\xc2\xe0\xed\xef\xf0\xf4\xff";
        let mut text = String::new();
        self.document(4, &mut text);
        let mut bytes = text.into_bytes();
        for _ in 0..self.below(4) {
            let at = self.below(bytes.len() + 1);
            let byte = BYTES[self.below(BYTES.len())];
            match self.below(5) {
                0 => bytes.truncate(at),
                1 if at < bytes.len() => drop(bytes.remove(at)),
                2 if at < bytes.len() => bytes[at] = byte,
                3 => {
                    let from = self.below(at + 1);
                    bytes.extend_from_within(from..at);
                }
                _ => bytes.insert(at, byte),
            }
        }
        bytes
    }
}

fn serde_json_takes(bytes: &[u8]) -> bool {
    std::str::from_utf8(bytes)
        .is_ok_and(|text| serde_json::from_str::<&serde_json::value::RawValue>(text).is_ok())
}

#[test]
fn the_verdict_is_that_of_serde_json() {
    let mut dice = Dice(0x5EED);
    let mut taken = 0;
    for _ in 0..50_000 {
        let bytes = dice.damaged();
        let ours = check(&bytes);
        let theirs = serde_json_takes(&bytes);
        assert_eq!(
            ours.is_ok(),
            theirs,
            "{:?}: {ours:?}",
            String::from_utf8_lossy(&bytes)
        );
        taken += usize::from(theirs);
    }
    assert!(
        (10_000..40_000).contains(&taken),
        "{taken} taken: a poor mixture"
    );
}

#[test]
fn the_position_is_that_of_the_first_byte_too_many() {
    // A prefix is invalid as soon as nothing that follows can make it valid. The error must be reported there, at the
    // same byte wherever the text is split.
    let mut dice = Dice(0xB17E);
    for _ in 0..2_000 {
        let bytes = dice.damaged();
        let whole = check(&bytes);
        for cut in 0..=bytes.len() {
            let mut scanner = Scanner::new();
            let pieces = scanner
                .push(&bytes[..cut])
                .and_then(|()| scanner.push(&bytes[cut..]))
                .and_then(|()| scanner.finish());
            assert_eq!(
                pieces,
                whole,
                "cut at {cut}: {:?}",
                String::from_utf8_lossy(&bytes)
            );
        }
        let mut scanner = Scanner::new();
        let crumbs = bytes
            .chunks(1)
            .try_for_each(|byte| scanner.push(byte))
            .and_then(|()| scanner.finish());
        assert_eq!(
            crumbs,
            whole,
            "crumbs: {:?}",
            String::from_utf8_lossy(&bytes)
        );
        if let Err(error) = whole {
            let lines: Vec<&[u8]> = bytes.split(|byte| *byte == b'\n').collect();
            let before = &lines[..error.line as usize - 1];
            let at =
                before.iter().map(|line| line.len() + 1).sum::<usize>() + error.column as usize - 1;
            assert!(at <= bytes.len());
            let mut scanner = Scanner::new();
            assert_eq!(
                scanner.push(&bytes[..at]),
                Ok(()),
                "the error is not earlier"
            );
        }
    }
}

#[test]
fn every_cut_of_a_string_is_the_same() {
    let text = "{\"plain text of some length\": \"with é, 日本, 😀 and \\u00e9 \\\\ in it\", \"n\": [-10.25e+3, true]}";
    for size in 1..=text.len() {
        let mut scanner = Scanner::new();
        for piece in text.as_bytes().chunks(size) {
            scanner.push(piece).unwrap();
        }
        scanner.finish().unwrap();
    }
}

fn laid_out(json: &str) -> String {
    let mut out = Vec::new();
    pretty(json.as_bytes(), &mut out, |out, _, token| {
        out.write_all(token)
    })
    .unwrap();
    String::from_utf8(out).unwrap()
}

#[test]
fn pretty_changes_white_space_only() {
    assert_eq!(
        laid_out(r#" {"b":1.10,"a":[1e400,{},[ ],"x\u00e9\/: ,{"],"b":{"c":null}} "#),
        r#"{
  "b": 1.10,
  "a": [
    1e400,
    {},
    [],
    "x\u00e9\/: ,{"
  ],
  "b": {
    "c": null
  }
}"#
    );
    for scalar in ["12345678901234567890123", "\"\\\"\"", "true", "{}", "[]"] {
        assert_eq!(laid_out(&format!(" {scalar}\n")), scalar);
    }
    let mut dice = Dice(0x1A1D);
    for _ in 0..2_000 {
        let mut text = String::new();
        dice.document(5, &mut text);
        let out = laid_out(&text);
        check(out.as_bytes()).unwrap();
        assert_eq!(laid_out(&out), out);
        let tokens = |text: &str| -> Vec<String> {
            Tokens::of(text.as_bytes())
                .map(|token| text[token.start..token.end].to_owned())
                .collect()
        };
        assert_eq!(tokens(&out), tokens(&text));
        let (mut same, seen) = (Vec::new(), RefCell::new(Vec::new()));
        let write = |out: &mut Vec<u8>, _, token: &[u8]| {
            seen.borrow_mut()
                .push(String::from_utf8_lossy(token).into_owned());
            out.write_all(token)
        };
        unchanged(text.as_bytes(), &mut same, write).unwrap();
        assert_eq!(String::from_utf8(same).unwrap(), text);
        assert_eq!(seen.into_inner(), tokens(&text));
        assert!(equal(&out, &text), "{text}");
    }
}

#[test]
fn pretty_stays_in_proportion() {
    let deep = 100_000;
    let out = laid_out(&format!("{}{}", "[".repeat(deep), "]".repeat(deep)));
    assert!(out.len() < 2 * deep * 130, "{}", out.len());
    check(out.as_bytes()).unwrap();
}

fn pick<'a>(pointer: &str, json: &'a str) -> Option<&'a str> {
    Pointer::parse(pointer).unwrap().pick(json)
}

#[test]
fn the_examples_of_rfc_6901() {
    let json = r#"{
        "foo": ["bar", "baz"], "": 0, "a/b": 1, "c%d": 2, "e^f": 3, "g|h": 4, "i\\j": 5, "k\"l": 6, " ": 7, "m~n": 8
    }"#;
    for (pointer, value) in [
        ("/foo", "[\"bar\", \"baz\"]"),
        ("/foo/0", "\"bar\""),
        ("/", "0"),
        ("/a~1b", "1"),
        ("/c%d", "2"),
        ("/e^f", "3"),
        ("/g|h", "4"),
        ("/i\\j", "5"),
        ("/k\"l", "6"),
        ("/ ", "7"),
        ("/m~0n", "8"),
    ] {
        assert_eq!(pick(pointer, json), Some(value), "{pointer}");
    }
    assert_eq!(pick("", json), Some(json));
    assert_eq!(pick("", " 1\n"), Some("1"));
}

#[test]
fn pointers_beyond_the_examples() {
    let json =
        r#" { "a" : [ 1.10 , {"b":"x"} ], "a\u002f": {"~1": 1}, "d": 1, "d": 2, "é": [[]] } "#;
    for (pointer, value) in [
        ("/a/0", Some("1.10")),
        ("/a/1", Some("{\"b\":\"x\"}")),
        ("/a/1/b", Some("\"x\"")),
        ("/a/1/b/0", None),
        ("/a/2", None),
        ("/a/-", None),
        ("/a/00", None),
        ("/a/01", None),
        ("/a/+1", None),
        ("/a/", None),
        ("/a/99999999999999999999", None),
        ("/a/1/", None),
        ("/a~1/~01", Some("1")),
        ("/d", Some("2")),
        ("/é/0", Some("[]")),
        ("/é/0/0", None),
        ("/nothing", None),
    ] {
        assert_eq!(pick(pointer, json), value, "{pointer}");
    }
    assert_eq!(pick("/a", "1"), None);
    assert_eq!(Pointer::parse("/a~1/~01").unwrap().to_string(), "/a~1/~01");
    for (pointer, why) in [
        ("a", "a JSON Pointer begins with '/'"),
        ("#/a", "a JSON Pointer begins with '/'"),
        (
            "/~",
            "in a JSON Pointer a key's '~' is written '~0', its '/' '~1'",
        ),
        (
            "/~~01",
            "in a JSON Pointer a key's '~' is written '~0', its '/' '~1'",
        ),
        (
            "/~2",
            "in a JSON Pointer a key's '~' is written '~0', its '/' '~1'",
        ),
    ] {
        assert_eq!(Pointer::parse(pointer).unwrap_err(), why, "{pointer}");
    }
}

#[test]
fn depth_elsewhere_does_not_matter() {
    let deep = 100_000;
    let well = format!("{}1{}", "[{\"a\":".repeat(deep), "}]".repeat(deep));
    let json = format!("{{\"x\":{well},\"y\":3,\"z\":{well}}}");
    assert_eq!(pick("/y", &json), Some("3"));
    assert_eq!(pick("/x/0/a/0/a/1", &json), None);
    assert_eq!(pick("/z", &json).map(str::len), Some(well.len()));
    assert!(equal(&json, &json));
    assert!(!equal(&well, &well.replace('1', "2")));
    check_keys(&json).unwrap();
    assert_eq!(children(&json).count(), 3);
}

#[test]
fn nothing_panics_on_what_is_not_json() {
    let mut dice = Dice(0xBAD);
    for _ in 0..20_000 {
        let bytes = dice.damaged();
        let text = String::from_utf8_lossy(&bytes);
        let _ = pretty(&bytes, &mut io::sink(), |_, _, _| Ok(()));
        let _ = check_keys(&text);
        let _ = equal(&text, "[]");
        for pointer in ["", "/a/0", "/0/key", "//"] {
            let _ = pick(pointer, &text);
        }
    }
}

#[test]
fn keys_that_are_there_twice() {
    for json in [
        "1",
        "[]",
        "\"a\"",
        r#"{"a":1,"b":2}"#,
        r#"[{"a":1},{"a":2}]"#,
        r#"{"a":{"a":{"a":"a"}},"b":["a","a"]}"#,
        r#"{"\ud800":1,"\ud801":2}"#,
    ] {
        assert_eq!(check_keys(json), Ok(()), "{json}");
    }
    for (json, error) in [
        (r#"{"k":1,"k":2}"#, "line 1, column 8: duplicate key"),
        (r#"{"k":1,"\u006b":2}"#, "line 1, column 8: duplicate key"),
        (
            "[\n {\"a\":{\"k\":1,\n  \"k\":2}}]",
            "line 3, column 3: duplicate key",
        ),
        (
            r#"{"a":[{"a":1}],"b":{"c":0},"a":2}"#,
            "line 1, column 28: duplicate key",
        ),
        (
            r#"{"\ud800":1,"\ud800":2}"#,
            "line 1, column 13: duplicate key",
        ),
        // The first duplicate in the text, whichever object ends first.
        (
            r#"{"a":{},"a":{"k":1,"k":2}}"#,
            "line 1, column 9: duplicate key",
        ),
        (
            r#"{"b":{"k":1,"k":2},"b":2}"#,
            "line 1, column 13: duplicate key",
        ),
        (
            r#"{"z":0,"a":0,"b":0,"b":1,"a":1}"#,
            "line 1, column 20: duplicate key",
        ),
    ] {
        assert_eq!(check_keys(json).unwrap_err().to_string(), error, "{json}");
    }
}

#[test]
fn texts_that_mean_the_same() {
    for (a, b) in [
        ("1", "1.0"),
        ("1", "1e0"),
        ("10e-1", "1.000"),
        ("0.1", "1E-1"),
        ("100", "1e2"),
        ("0", "-0.0e9"),
        ("0", "0e99999999999999999999"),
        ("-1500", "-1.5e+3"),
        ("12345678901234567890123", "12345678901234567890.123e3"),
        ("1e400", "10e399"),
        ("1e99999999999999999999", "1e99999999999999999999"),
        (" true", "true\n"),
        (r#""\u00e9\/""#, "\"é/\""),
        (r#""\ud83d\ude00""#, "\"😀\""),
        (r#""\ud800""#, r#""\ud800""#),
        ("[1, 2]", "[1,2.0]"),
        (r#"{"a":1,"b":[{}]}"#, r#"{ "b": [{}], "\u0061": 1.0 }"#),
        (r#"{"a":1,"a":2}"#, r#"{"a":2}"#),
        (r#"{"a":[1,{"b":9}],"a":2}"#, r#"{"a":2}"#),
        (r#"{"a":{"c":[[7]]},"b":[],"a":{}}"#, r#"{"b":[],"a":{}}"#),
        (r#"[{"a":[[1],2],"a":[[1],3]},0]"#, r#"[{"a":[[1],3]},0]"#),
    ] {
        assert!(equal(a, b), "{a} {b}");
        assert!(equal(b, a), "{b} {a}");
    }
    for (a, b) in [
        ("1", "2"),
        ("1", "-1"),
        ("1", "\"1\""),
        ("1", "true"),
        ("null", "false"),
        ("null", "\"null\""),
        ("9007199254740993", "9007199254740992"),
        ("0.1", "0.10000000000000001"),
        ("1e400", "1e401"),
        ("1e99999999999999999999", "1e99999999999999999998"),
        ("[]", "{}"),
        ("[1,2]", "[2,1]"),
        ("[1]", "[1,1]"),
        ("[[1],2]", "[[1,2]]"),
        (r#"{"a":1}"#, r#"{"a":1,"b":1}"#),
        (r#"{"a":1}"#, r#"{"b":1}"#),
        (r#"{"a":1}"#, r#"{"a":1,"a":2}"#),
        (r#"{"a":{"b":1}}"#, r#"{"a":{"b":1,"c":1}}"#),
        (r#"{"a":[{}]}"#, r#"{"a":[{},{}]}"#),
        (r#"[[{"a":1}],1]"#, r#"[[{"a":2}],1]"#),
        ("[", "["),
        ("\"a\"", "\"A\""),
        (r#""\ud800""#, r#""\ud801""#),
        ("", ""),
    ] {
        assert!(!equal(a, b), "{a} {b}");
        assert!(!equal(b, a), "{b} {a}");
    }
}

#[test]
fn strings_there_and_back() {
    for text in ["", "plain", "\"\\/\n\t\u{1}\u{7f}", "é 日本 😀"] {
        let json = string(text);
        check(json.as_bytes()).unwrap();
        assert_eq!(text_of(&json).as_deref(), Some(text));
    }
    assert_eq!(string("a\"é\n"), "\"a\\\"é\\n\"");
    for other in ["1", "null", "[]", "{}", r#""\ud800""#] {
        assert_eq!(text_of(other), None, "{other}");
    }
}
