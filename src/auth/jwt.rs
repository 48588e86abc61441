//! When a token expires, if it says so itself: the `exp` of a JSON Web Token (RFC 7519, section 4.1.4).
//!
//! Nothing is verified, and only this number is read. The API decides; the number is for messages.

use serde_json::Value;

/// When `token` expires, in seconds since 1970; `None` if it is not a JWT or has no such claim.
pub(super) fn expiry(token: &str) -> Option<u64> {
    let mut parts = token.split('.');
    let (Some(_), Some(claims), Some(_), None) =
        (parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return None;
    };
    let claims: Value = serde_json::from_slice(&base64url(claims)?).ok()?;
    // A NumericDate may have a fraction.
    let end = claims.get("exp")?.as_f64()?;
    (0.0..1e15).contains(&end).then_some(end as u64)
}

/// Base64url without padding (RFC 4648, section 5).
fn base64url(text: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(text.len() * 3 / 4);
    let (mut bits, mut held) = (0u32, 0);
    for digit in text.trim_end_matches('=').bytes() {
        let value = match digit {
            b'A'..=b'Z' => digit - b'A',
            b'a'..=b'z' => digit - b'a' + 26,
            b'0'..=b'9' => digit - b'0' + 52,
            b'-' => 62,
            b'_' => 63,
            _ => return None,
        };
        bits = bits << 6 | u32::from(value);
        held += 6;
        if held >= 8 {
            held -= 8;
            bytes.push((bits >> held) as u8);
        }
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of RFC 7519, section 3.1.
    const RFC: &str = "eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9.\
        eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ.\
        dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";

    #[test]
    fn a_jwt_says_when_it_ends() {
        assert_eq!(expiry(RFC), Some(1_300_819_380));
        // {"exp":1.5e9} and {"exp":1300819380.9}
        assert_eq!(expiry("e30.eyJleHAiOjEuNWU5fQ."), Some(1_500_000_000));
        assert_eq!(
            expiry("e30.eyJleHAiOjEzMDA4MTkzODAuOX0.x"),
            Some(1_300_819_380)
        );
    }

    #[test]
    fn everything_else_does_not() {
        for token in [
            "",
            "t0ken",
            "a.b.c",
            "..",
            "e30.e30.x",                // {}
            "e30.eyJleHAiOiIxIn0.x",    // {"exp":"1"}
            "e30.eyJleHAiOi0xfQ.x",     // {"exp":-1}
            "e30.eyJleHAiOjFlMzAwfQ.x", // {"exp":1e300}
            "e30.eyJleHAiOjF9",         // two parts
            "e30.eyJleHAiOjF9.x.y",     // four
            "e30.eyJleHAiOjF.x",        // cut
            "e30.eyJ!eHAiOjF9.x",       // not base64url
            "e30.WzFd.x",               // [1]
        ] {
            assert_eq!(expiry(token), None, "{token:?}");
        }
    }

    #[test]
    fn base64url_is_decoded() {
        assert_eq!(base64url("-_8").as_deref(), Some(&[0xfb, 0xff][..]));
        assert_eq!(base64url("Zm9vYg==").as_deref(), Some(&b"foob"[..]));
        assert_eq!(base64url("+/"), None);
    }
}
