//! Checks the headers that a user may set.

/// Checks that `name: value` is a header (RFC 9110, section 5) that a user may set. The error is a clause.
pub(crate) fn check_header(name: &str, value: &str) -> Result<(), String> {
    if !is_token(name) {
        // Only its start, because the user may have put a value here.
        let start: String = name
            .chars()
            .take_while(|c| is_token(c.encode_utf8(&mut [0; 4])))
            .collect();
        return Err(format!("'{start}…' cannot be a header's name"));
    }
    let ours = [
        "Connection",
        "Content-Length",
        "Expect",
        "Keep-Alive",
        "TE",
        "Trailer",
        "Transfer-Encoding",
        "Upgrade",
    ];
    if ours.iter().any(|known| known.eq_ignore_ascii_case(name)) {
        return Err(format!("{name} is set by authpost itself"));
    }
    if value
        .bytes()
        .any(|byte| byte < b' ' && byte != b'\t' || byte == 0x7f)
    {
        return Err(format!("the value of {name} has a control character in it"));
    }
    Ok(())
}

/// Whether `word` is a token in the sense of RFC 9110, section 5.6.2: a header's name, an authentication scheme.
pub(crate) fn is_token(word: &str) -> bool {
    !word.is_empty()
        && word
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b))
}
