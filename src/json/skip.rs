//! How far a string or a number goes: the scanner's quick look ahead, eight bytes at a time.
//!
//! Nothing here says that a text is wrong, only how far it is known to be right. Pure functions of bytes.

/// The byte in each byte of a word.
pub const fn each(byte: u8) -> u64 {
    u64::from_le_bytes([byte; 8])
}

/// The index of the lowest byte of the word of which the top bit is set.
fn first(word: u64) -> usize {
    word.trailing_zeros() as usize / 8
}

/// The eight bytes at `at`.
#[inline(always)]
fn word(bytes: &[u8], at: usize) -> Option<u64> {
    Some(u64::from_le_bytes(*bytes.get(at..)?.first_chunk()?))
}

/// How many bytes at the start of `bytes` stand in a string for themselves: ASCII that is no quote, no backslash and no
/// control character.
pub fn plain(bytes: &[u8]) -> usize {
    let at = plain_words(bytes, 0);
    let plain = |byte: &&u8| matches!(byte, b' '..=0x7F) && !matches!(byte, b'"' | b'\\');
    at + bytes[at..].iter().take_while(plain).count()
}

/// Where the first byte that is not [`plain`] stands, from `at` on; or the last few bytes, when those before are.
#[inline(always)]
fn plain_words(bytes: &[u8], mut at: usize) -> usize {
    while let Some(word) = word(bytes, at) {
        // Each subtraction sets the top bit of the bytes below its bound: 0x22 ^ 2 and all control characters are below
        // 0x21, a backslash ^ a backslash is below 1. A borrow can spoil only the bytes above the first that is hit,
        // and the first is all we ask for.
        let quote = (word ^ each(0x02)).wrapping_sub(each(0x21));
        let backslash = (word ^ each(b'\\')).wrapping_sub(each(1));
        let hit = (quote | backslash | word) & each(0x80);
        if hit != 0 {
            return at + first(hit);
        }
        at += 8;
    }
    at
}

/// Where the string ends that goes on at `at`: behind its quote. Else how far it is known to be right: up to an escape
/// or a character of a rare sort, a flaw, or the end of the piece.
#[inline(always)]
pub fn string(bytes: &[u8], mut at: usize) -> Result<usize, usize> {
    loop {
        at = plain_words(bytes, at);
        match bytes.get(at) {
            Some(b'"') => return Ok(at + 1),
            Some(b'\\' | 0x80..) => match usual(bytes, at) {
                end if end > at => at = end,
                _ => return Err(at),
            },
            _ => return Err(at),
        }
    }
}

/// Behind the escapes of one letter and the characters of two or three bytes, of the usual sort, that stand at `at`.
fn usual(bytes: &[u8], mut at: usize) -> usize {
    loop {
        at += match bytes[at..] {
            [
                b'\\',
                b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't',
                ..,
            ] => 2,
            [0xC2..=0xDF, 0x80..=0xBF, ..] => 2,
            [0xE1..=0xEC, 0x80..=0xBF, 0x80..=0xBF, ..] => 3,
            _ => return at,
        };
    }
}

/// Behind the number of which the first digit stands at `at`; `None` when it is none, or goes on to the end of the piece.
#[inline(always)]
pub fn number(bytes: &[u8], at: usize) -> Option<usize> {
    let mut end = digits(bytes, at)?;
    if bytes[at] == b'0' && end > at + 1 {
        return None;
    }
    if *bytes.get(end)? == b'.' {
        end = digits(bytes, end + 1)?;
    }
    match bytes.get(end)? {
        b'e' | b'E' => match bytes.get(end + 1)? {
            b'+' | b'-' => digits(bytes, end + 2),
            _ => digits(bytes, end + 1),
        },
        _ => Some(end),
    }
}

/// Behind the digits at `at`, of which there must be one; `None` as well when they go on to the end of the piece.
#[inline(always)]
fn digits(bytes: &[u8], at: usize) -> Option<usize> {
    let mut end = at;
    loop {
        // A digit ^ '0' is at most 9, and 9 + 0x76 is the last sum without the top bit. A carry spoils only bytes above.
        let word = word(bytes, end)? ^ each(b'0');
        let other = (word | word.wrapping_add(each(0x76))) & each(0x80);
        if other != 0 {
            end += first(other);
            return (end > at).then_some(end);
        }
        end += 8;
    }
}
