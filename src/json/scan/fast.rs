//! The fast path of the scanner: it skips whole common tokens.
//!
//! It may stop anywhere, with a state and the rest of the piece; the state machine goes on from there. So it never
//! reports an error, and what it does not know is only slower.

use std::convert::Infallible;

use super::{ScanState, Scanner};
use crate::json::skip;

/// The state in which the fast path stopped, and what is left of the piece there.
type Stop<'a> = (ScanState, &'a [u8]);

impl Scanner {
    /// Skips values until it must stop. It never returns `Ok`, so that `?` can leave it.
    pub(super) fn values<'a>(&mut self, mut rest: &'a [u8]) -> Result<Infallible, Stop<'a>> {
        // Whether the value is a string whose quote has been skipped: most are, so their first byte is not examined again.
        let mut quoted = false;
        loop {
            if quoted {
                quoted = false;
                rest = self.text(skip::string(rest), false)?;
                // In an object of strings the next string is usually close.
                if let [b',', b'"', name @ ..] = rest
                    && self.nest.in_object()
                {
                    (quoted, rest) = self.member(name)?;
                    continue;
                }
            } else {
                let stop = Err((ScanState::Value, rest));
                let Some((&byte, behind)) = rest.split_first() else {
                    return stop;
                };
                let end = match byte {
                    b'"' => {
                        quoted = true;
                        rest = behind;
                        continue;
                    }
                    b' ' => {
                        rest = behind;
                        continue;
                    }
                    b'\t' | b'\r' | b'\n' => {
                        rest = self.space(rest);
                        continue;
                    }
                    b'0'..=b'9' => skip::number(rest),
                    b'-' => skip::number(behind),
                    b't' => rest.strip_prefix(b"true"),
                    b'f' => rest.strip_prefix(b"false"),
                    b'n' => rest.strip_prefix(b"null"),
                    b'{' if behind.starts_with(b"}") => Some(&behind[1..]),
                    b'{' => {
                        self.nest.open(true);
                        (quoted, rest) = self.next_member(behind, ScanState::FirstKey)?;
                        continue;
                    }
                    b'[' if behind.starts_with(b"]") => Some(&behind[1..]),
                    b'[' => {
                        self.nest.open(false);
                        rest = self.space(behind);
                        match rest {
                            [b'"' | b'{' | b'[' | b'-' | b'0'..=b'9', ..] => continue,
                            [b't' | b'f' | b'n', ..] => continue,
                            _ => return Err((ScanState::FirstElement, rest)),
                        }
                    }
                    _ => None,
                };
                let Some(end) = end else { return stop };
                rest = end;
            }
            // Skip what follows a value, up to the next one.
            loop {
                let stop = Err((ScanState::After, rest));
                let Some((&byte, behind)) = rest.split_first() else {
                    return stop;
                };
                match byte {
                    b',' if self.nest.in_object() => {
                        (quoted, rest) = self.next_member(behind, ScanState::NextKey)?;
                        break;
                    }
                    b',' if self.nest.in_array() => {
                        rest = behind;
                        break;
                    }
                    b'}' if self.nest.in_object() => {
                        self.nest.close();
                        rest = behind;
                    }
                    b']' if self.nest.in_array() => {
                        self.nest.close();
                        rest = behind;
                    }
                    b' ' | b'\t' | b'\r' | b'\n' => rest = self.space(rest),
                    _ => return stop,
                }
            }
        }
    }

    /// Skips a key and its colon; `state` is the state before them. Returns whether the value is a string, and the rest
    /// from the value on, without the opening quote of a string.
    #[inline(always)]
    fn next_member<'a>(
        &mut self,
        mut rest: &'a [u8],
        state: ScanState,
    ) -> Result<(bool, &'a [u8]), Stop<'a>> {
        if rest.first() != Some(&b'"') {
            rest = self.space(rest);
        }
        match rest {
            [b'"', name @ ..] => self.member(name),
            _ => Err((state, rest)),
        }
    }

    /// The same, starting after the opening quote of the key.
    #[inline(always)]
    fn member<'a>(&mut self, rest: &'a [u8]) -> Result<(bool, &'a [u8]), Stop<'a>> {
        match self.text(skip::key(rest), true)? {
            [b':', b'"', value @ ..] => Ok((true, value)),
            [b':', value @ ..] => Ok((false, value)),
            rest => Err((ScanState::Colon, rest)),
        }
    }

    /// The rest after the string, or the state in which its end was not found.
    #[inline(always)]
    fn text<'a>(
        &mut self,
        end: Result<&'a [u8], &'a [u8]>,
        key: bool,
    ) -> Result<&'a [u8], Stop<'a>> {
        end.map_err(|rest| {
            self.key = key;
            (ScanState::Text, rest)
        })
    }
}
