//! How far plain text, a string or a number goes, eight bytes at a time: for the scanner and for `Tokens`.
//!
//! Nothing here says that a text is wrong, only how far it is known to be right: from the rest of a piece to what is
//! left behind. Pure functions of bytes.

/// The byte in each byte of a word.
const fn each(byte: u8) -> u64 {
    u64::from_le_bytes([byte; 8])
}

/// The index of the lowest byte of the word that is not 0.
fn first(word: u64) -> usize {
    word.trailing_zeros() as usize / 8
}

/// The same of a word of which some byte has its top bit set, in branches: a processor foretells them where the index is
/// the same again and again, and goes on without waiting for the word. Written out, for a loop takes twice as long.
#[inline(always)]
fn first_foretold(word: u64) -> usize {
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

/// What follows the spaces; the last few of them may be left.
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

/// How many bytes at the start of `bytes` stand in a string for themselves: ASCII that is no quote, no backslash and no
/// control character.
pub(super) fn plain(bytes: &[u8]) -> usize {
    let rest = behind_plain(bytes, first);
    let plain = |byte: &&u8| matches!(byte, b' '..=0x7F) && !matches!(byte, b'"' | b'\\');
    bytes.len() - rest.len() + rest.iter().take_while(plain).count()
}

/// What follows the [`plain`] bytes; the last few of them may be left.
#[inline(always)]
fn behind_plain(mut rest: &[u8], first: fn(u64) -> usize) -> &[u8] {
    while let Some(word) = rest.first_chunk() {
        let word = u64::from_le_bytes(*word);
        // Each subtraction sets the top bit of the bytes below its bound: 0x22 ^ 2 and all control characters are below
        // 0x21, a backslash ^ a backslash is below 1. A borrow can spoil only the bytes above the first that is hit,
        // and the first is all we ask for.
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

/// What follows the string that goes on here, behind its quote. Else what follows the part that is known to be right: an
/// escape or a character of a rare sort, a flaw, or the last few bytes of the piece.
#[inline(always)]
pub(super) fn string(rest: &[u8]) -> Result<&[u8], &[u8]> {
    string_by(rest, first)
}

/// The same of a key: record after record has the same ones.
#[inline(always)]
pub(super) fn key(rest: &[u8]) -> Result<&[u8], &[u8]> {
    string_by(rest, first_foretold)
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

/// What follows the escapes and the characters of two or three bytes, of the usual sort.
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

/// What follows the number of which the first digit stands here; `None` when it is none, or goes on to the end of the
/// piece.
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

/// What follows the digits, of which there must be one; `None` as well when they go on to the end of the piece.
#[inline(always)]
fn behind_digits(mut rest: &[u8]) -> Option<&[u8]> {
    if !rest.first()?.is_ascii_digit() {
        return None;
    }
    loop {
        // A digit ^ '0' is at most 9, and 9 + 0x76 is the last sum without the top bit. A carry spoils only bytes above.
        let word = u64::from_le_bytes(*rest.first_chunk()?) ^ each(b'0');
        let other = (word | word.wrapping_add(each(0x76))) & each(0x80);
        if other != 0 {
            return Some(&rest[first(other)..]);
        }
        rest = &rest[8..];
    }
}
