//! The forms in which a text may repeat a secret.
//!
//! A text reveals a secret if it contains 16 consecutive characters of it, or all of it if it is shorter: unchanged, in
//! hexadecimal, or in Base64 after any prefix; in upper or lower case, wrapped over lines, and escaped once or more for
//! URLs, JSON or HTML. Text and secret are normalized ("folded") before they are compared.

use super::MIN_TRACE;

/// This many consecutive characters of a secret reveal it.
const RUN: usize = 16;

/// If a text that was cut off ends with this many first characters of a secret, it counts as a match.
const BEGINNING: usize = 8;

/// How many layers of nested escapes are resolved.
const LAYERS: usize = 4;

/// The length of the blocks in the index, in folded characters.
const BLOCK: usize = MIN_TRACE;
const BLOCK_MASK: u64 = (1 << (8 * BLOCK)) - 1;

/// A part of a secret.
#[derive(Debug)]
pub(super) struct Trace {
    pub(super) text: String,
    /// Whether only the whole text is secret, because a part of it may not be.
    pub(super) is_whole: bool,
}

/// All forms of one secret, searched for in one pass.
pub(super) struct Forms {
    needles: Vec<Needle>,
    /// For each block, its key, its needle and its position there, sorted by key.
    blocks: Vec<(u64, usize, usize)>,
    /// A bit for the hash of each block, so that most of a text needs no lookup.
    filter: Vec<u64>,
}

/// One form of a trace, folded, and how many characters of it reveal it.
struct Needle {
    text: Vec<u8>,
    run: usize,
}

impl Forms {
    pub(super) fn of(traces: &[Trace]) -> Forms {
        let mut needles: Vec<Needle> = Vec::with_capacity(5 * traces.len());
        for trace in traces {
            let bytes = trace.text.as_bytes();
            let encoded = (0..3).map(|prefix| base64_behind(prefix, bytes));
            for form in [bytes.to_vec(), hex(bytes)].into_iter().chain(encoded) {
                let text = folded(&form);
                let run = match trace.is_whole {
                    true => text.len(),
                    false => text.len().min(RUN),
                };
                if run >= BLOCK {
                    needles.push(Needle { text, run });
                }
            }
        }
        let mut blocks = Vec::with_capacity(needles.len());
        for (number, needle) in needles.iter().enumerate() {
            // Every run contains at least one whole block.
            let starts = 0..=needle.text.len() - BLOCK;
            for start in starts.step_by(needle.run + 1 - BLOCK) {
                blocks.push((key(&needle.text[start..start + BLOCK]), number, start));
            }
        }
        blocks.sort_unstable();
        // 64 bits for each block or two: to fill more of them with zeros would take longer than they save.
        let mut filter = vec![0; blocks.len().next_power_of_two().min(1 << 10)];
        for (key, ..) in &blocks {
            let (word, bit) = place(*key, &filter);
            filter[word] |= bit;
        }
        Forms {
            needles,
            blocks,
            filter,
        }
    }

    /// Whether the folded `text` contains one of them; it may have been cut off in the middle of one.
    fn stand_in(&self, text: &[u8], is_cut: bool) -> bool {
        let mut window = 0;
        let is_found = text.iter().enumerate().any(|(end, byte)| {
            window = (window << 8 | u64::from(*byte)) & BLOCK_MASK;
            let (word, bit) = place(window, &self.filter);
            end + 1 >= BLOCK
                && self.filter[word] & bit != 0
                && self.is_run(text, end + 1 - BLOCK, window)
        });
        is_found || is_cut && self.needles.iter().any(|needle| needle.begins_at_end(text))
    }

    /// Whether the block at `at`, which has this key, is part of a run.
    fn is_run(&self, text: &[u8], at: usize, key: u64) -> bool {
        let first = self.blocks.partition_point(|(other, ..)| *other < key);
        self.blocks[first..]
            .iter()
            .take_while(|(other, ..)| *other == key)
            .any(|&(_, number, start)| {
                let needle = &self.needles[number];
                let (before, behind) = (text[..at].iter().rev(), text[at..].iter());
                let equal = |pair: &(&u8, &u8)| pair.0 == pair.1;
                let before = before.zip(needle.text[..start].iter().rev());
                let behind = behind.zip(&needle.text[start..]);
                before.take_while(equal).count() + behind.take_while(equal).count() >= needle.run
            })
    }
}

impl Needle {
    fn begins_at_end(&self, text: &[u8]) -> bool {
        (BEGINNING..self.run).any(|length| text.ends_with(&self.text[..length]))
    }
}

fn key(block: &[u8]) -> u64 {
    block
        .iter()
        .fold(0, |key, byte| key << 8 | u64::from(*byte))
}

/// The position of a block's bit in a filter of 2^n words, at most 2^10.
fn place(key: u64, filter: &[u64]) -> (usize, u64) {
    // Fibonacci hashing: the upper bits of the product depend on the whole key.
    let hash = key.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 48;
    ((hash >> 6) as usize & (filter.len() - 1), 1 << (hash & 63))
}

/// Whether `text` contains one of the `forms`; it may have been cut off in the middle of one.
pub(super) fn are_in<'a>(
    forms: impl Iterator<Item = &'a Forms> + Clone,
    text: &[u8],
    is_cut: bool,
) -> bool {
    let is_in = |text: &[u8]| {
        let text = folded(text);
        forms.clone().any(|forms| forms.stand_in(&text, is_cut))
    };
    if is_in(text) {
        return true;
    }
    let mut layer = unescaped(text);
    for _ in 1..LAYERS {
        match &layer {
            Some(text) if is_in(text) => return true,
            Some(text) => layer = unescaped(text),
            None => return false,
        }
    }
    layer.is_some_and(|text| is_in(&text))
}

/// Folds a text: lower case, without white space, backslashes and other wrapping or escaping characters, in the digits
/// of standard Base64.
fn folded(text: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    for byte in text {
        match byte {
            ..=b' ' | b'\\' | 0x7f => {}
            b'-' => out.push(b'+'),
            b'_' => out.push(b'/'),
            byte => out.push(byte.to_ascii_lowercase()),
        }
    }
    out
}

fn hex(bytes: &[u8]) -> Vec<u8> {
    let digits = bytes.iter().flat_map(|byte| [byte >> 4, byte & 0xf]);
    digits
        .map(|digit| b"0123456789abcdef"[usize::from(digit)])
        .collect()
}

/// The Base64 digits of `bytes` after a prefix of this length, as far as they do not depend on other bytes.
fn base64_behind(prefix: usize, bytes: &[u8]) -> Vec<u8> {
    let padded = [&[0; 2][..prefix], bytes].concat();
    let mut digits = super::base64(&padded).into_bytes();
    digits.truncate(padded.len() * 8 / 6);
    digits.drain(..(prefix * 8).div_ceil(6));
    digits
}

/// `text` with one layer of URL, JSON and HTML escapes resolved; `None` if it contains none. An incomplete escape at the
/// end is dropped.
pub(super) fn unescaped(text: &[u8]) -> Option<Vec<u8>> {
    if !text.iter().any(|byte| is_escape(*byte)) {
        return None;
    }
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text;
    let mut has_any = false;
    while let Some(start) = rest.iter().position(|byte| is_escape(*byte)) {
        let (plain, escaped) = rest.split_at(start);
        out.extend_from_slice(plain);
        let (first, others) = escaped.split_at(1);
        let length = match first {
            b"%" => hexadecimal(others, 2, &mut |code| out.extend(u8::try_from(code))),
            b"\\" => of_json(others, &mut out),
            _ => of_html(others, &mut out),
        };
        if length.is_none() {
            out.extend_from_slice(first);
        }
        has_any |= length.is_some();
        rest = &others[length.unwrap_or(0)..];
    }
    out.extend_from_slice(rest);
    has_any.then_some(out)
}

fn is_escape(byte: u8) -> bool {
    matches!(byte, b'%' | b'\\' | b'&')
}

/// Resolves the escape after a backslash and returns its length; `None` if there is none.
fn of_json(text: &[u8], out: &mut Vec<u8>) -> Option<usize> {
    let mut letter = |code| push(code, out);
    match text.first()? {
        b'u' => hexadecimal(&text[1..], 4, &mut letter).map(|length| length + 1),
        b'x' => hexadecimal(&text[1..], 2, &mut letter).map(|length| length + 1),
        // White space, which folding removes.
        b'n' | b'r' | b't' | b'f' | b'b' | b'v' => Some(1),
        other => {
            out.push(*other);
            Some(1)
        }
    }
}

/// Resolves this many hexadecimal digits; fewer at the end of the text are skipped.
fn hexadecimal(text: &[u8], width: usize, letter: &mut dyn FnMut(u32)) -> Option<usize> {
    let digits = &text[..width.min(text.len())];
    let code = number(digits, 16)?;
    if digits.len() == width {
        letter(code);
    }
    Some(digits.len())
}

/// The HTML names of the visible ASCII characters that are neither letters nor digits.
const NAMES: [(&str, u8); 32] = [
    ("excl", b'!'),
    ("quot", b'"'),
    ("num", b'#'),
    ("dollar", b'$'),
    ("percnt", b'%'),
    ("amp", b'&'),
    ("apos", b'\''),
    ("lpar", b'('),
    ("rpar", b')'),
    ("ast", b'*'),
    ("plus", b'+'),
    ("comma", b','),
    ("period", b'.'),
    ("sol", b'/'),
    ("colon", b':'),
    ("semi", b';'),
    ("lt", b'<'),
    ("equals", b'='),
    ("gt", b'>'),
    ("quest", b'?'),
    ("commat", b'@'),
    ("lsqb", b'['),
    ("lbrack", b'['),
    ("bsol", b'\\'),
    ("rsqb", b']'),
    ("rbrack", b']'),
    ("lowbar", b'_'),
    ("grave", b'`'),
    ("lcub", b'{'),
    ("verbar", b'|'),
    ("vert", b'|'),
    ("rcub", b'}'),
];

/// Resolves the escape after an ampersand and returns its length, including the semicolon.
fn of_html(text: &[u8], out: &mut Vec<u8>) -> Option<usize> {
    let end = text.iter().take(12).position(|byte| *byte == b';')?;
    match &text[..end] {
        [b'#', b'x' | b'X', digits @ ..] => push(number(digits, 16)?, out),
        [b'#', digits @ ..] => push(number(digits, 10)?, out),
        name => {
            let (_, letter) = NAMES.iter().find(|(known, _)| known.as_bytes() == name)?;
            out.push(*letter);
        }
    }
    Some(end + 1)
}

fn push(code: u32, out: &mut Vec<u8>) {
    if let Some(letter) = char::from_u32(code) {
        out.extend_from_slice(letter.encode_utf8(&mut [0; 4]).as_bytes());
    }
}

fn number(digits: &[u8], base: u32) -> Option<u32> {
    digits.iter().try_fold(0u32, |number, digit| {
        let digit = char::from(*digit).to_digit(base)?;
        number.checked_mul(base)?.checked_add(digit)
    })
}
