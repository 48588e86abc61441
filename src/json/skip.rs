//! Finds where plain text, a string or a number ends, eight bytes at a time, for the scanner and for `Tokens`.
//!
//! Nothing here reports an error. Each function takes the rest of a piece, skips what it knows to be valid, and returns
//! what follows. Pure functions of bytes.

/// A word that has `byte` in each of its bytes.
const fn each(byte: u8) -> u64 {
    u64::from_le_bytes([byte; 8])
}

/// The index of the lowest nonzero byte of the word.
fn first(word: u64) -> usize {
    word.trailing_zeros() as usize / 8
}

/// The same for a word in which some byte has its top bit set, with branches: a processor predicts them if the index is
/// often the same, and continues without waiting for the word. It is unrolled because a loop takes twice as long.
#[inline(always)]
fn first_by_branches(word: u64) -> usize {
    let (low, high) = (word as u32, (word >> 32) as u32);
    if low & 0x80 != 0 {
        0
    } else if low & 0x8000 != 0 {
        1
    } else if low & 0x80_0000 != 0 {
        2
    } else if low & 0x8000_0000 != 0 {
        3
    } else if high & 0x80 != 0 {
        4
    } else if high & 0x8000 != 0 {
        5
    } else if high & 0x80_0000 != 0 {
        6
    } else {
        7
    }
}

/// Skips spaces; may leave the last few of them.
pub(super) fn behind_spaces(mut rest: &[u8]) -> &[u8] {
    while let Some(word) = rest.first_chunk() {
        let other = u64::from_le_bytes(*word) ^ each(b' ');
        if other != 0 {
            return &rest[first(other)..];
        }
        rest = &rest[8..];
    }
    rest
}

/// How many bytes at the start of `bytes` stand for themselves in a string: ASCII except quotes, backslashes and
/// control characters.
pub(super) fn plain(bytes: &[u8]) -> usize {
    let rest = behind_plain(bytes, first);
    let plain = |byte: &&u8| matches!(byte, b' '..=0x7F) && !matches!(byte, b'"' | b'\\');
    bytes.len() - rest.len() + rest.iter().take_while(plain).count()
}

/// Skips [`plain`] bytes; may leave the last few of them.
#[inline(always)]
fn behind_plain(mut rest: &[u8], first: fn(u64) -> usize) -> &[u8] {
    while let Some(word) = rest.first_chunk() {
        let word = u64::from_le_bytes(*word);
        // Each subtraction sets the top bit of the bytes below its bound: 0x22 ^ 2 and all control characters are below
        // 0x21, a backslash ^ a backslash is below 1. A borrow can corrupt only the bytes above the first match, and only
        // the first match is used.
        let quote = (word ^ each(0x02)).wrapping_sub(each(0x21));
        let backslash = (word ^ each(b'\\')).wrapping_sub(each(1));
        let hit = (quote | backslash | word) & each(0x80);
        if hit != 0 {
            return &rest[first(hit)..];
        }
        rest = &rest[8..];
    }
    rest
}

/// Skips the rest of a string and its closing quote. If it cannot, skips the part that is known to be valid, up to a
/// rare escape or character, an error, or the last few bytes of the piece.
#[inline(always)]
pub(super) fn string(rest: &[u8]) -> Result<&[u8], &[u8]> {
    string_by(rest, first)
}

/// The same for a key. It is separate because consecutive records have the same keys.
#[inline(always)]
pub(super) fn key(rest: &[u8]) -> Result<&[u8], &[u8]> {
    string_by(rest, first_by_branches)
}

#[inline(always)]
fn string_by(mut rest: &[u8], first: fn(u64) -> usize) -> Result<&[u8], &[u8]> {
    loop {
        rest = behind_plain(rest, first);
        match rest {
            [b'"', behind @ ..] => return Ok(behind),
            [b'\\' | 0x80.., ..] => match behind_usual(rest) {
                behind if behind.len() < rest.len() => rest = behind,
                _ => return Err(rest),
            },
            _ => return Err(rest),
        }
    }
}

macro_rules! escape {
    () => {
        b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't'
    };
}

macro_rules! hex {
    () => {
        b'0'..=b'9' | b'a'..=b'f' | b'A'..=b'F'
    };
}

/// Skips common escapes and common characters of two or three bytes.
fn behind_usual(mut rest: &[u8]) -> &[u8] {
    loop {
        rest = match rest {
            [b'\\', escape!(), behind @ ..]
            | [b'\\', b'u', hex!(), hex!(), hex!(), hex!(), behind @ ..]
            | [0xC2..=0xDF, 0x80..=0xBF, behind @ ..]
            | [0xE1..=0xEC, 0x80..=0xBF, 0x80..=0xBF, behind @ ..] => behind,
            _ => return rest,
        };
    }
}

/// Skips the number that begins here with a digit; `None` if it is invalid, or continues to the end of the piece.
#[inline(always)]
pub(super) fn number(bytes: &[u8]) -> Option<&[u8]> {
    let mut rest = behind_digits(bytes)?;
    if bytes[0] == b'0' && rest.len() + 1 < bytes.len() {
        return None;
    }
    if let [b'.', fraction @ ..] = rest {
        rest = behind_digits(fraction)?;
    }
    match rest {
        [b'e' | b'E', b'+' | b'-', power @ ..] | [b'e' | b'E', power @ ..] => behind_digits(power),
        [_, ..] => Some(rest),
        [] => None,
    }
}

/// Skips the digits, of which there must be at least one; `None` also if they continue to the end of the piece.
#[inline(always)]
fn behind_digits(mut rest: &[u8]) -> Option<&[u8]> {
    if !rest.first()?.is_ascii_digit() {
        return None;
    }
    loop {
        // A digit ^ '0' is at most 9, and 9 + 0x76 is the last sum without the top bit. A carry corrupts only higher bytes.
        let word = u64::from_le_bytes(*rest.first_chunk()?) ^ each(b'0');
        let other = (word | word.wrapping_add(each(0x76))) & each(0x80);
        if other != 0 {
            return Some(&rest[first(other)..]);
        }
        rest = &rest[8..];
    }
}
