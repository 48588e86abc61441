//! Quotes the words of a command that a shell and a crontab read alike.
//!
//! For cron, a bare `%` ends the command, and a backslash before a `%` is removed. Some crons also remove a backslash
//! before a backslash. So a `%` is written `\%` outside of quotes, and two backslashes are never adjacent: a shell and
//! every cron then read the same words.

/// Files for secrets. They are not quoted, so that the shell replaces `~` by the home directory.
pub(super) const TOKEN_FILE: &str = "~/.api-token";
pub(super) const PASSWORD_FILE: &str = "~/.api-password";
pub(super) const HEADER_FILE: &str = "~/.api-headers";
pub(super) const URL_FILE: &str = "~/.api-url";

/// `word`, quoted if necessary.
pub(super) fn quoted(word: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "@_+=:,./-".contains(c);
    let ours = [TOKEN_FILE, PASSWORD_FILE, HEADER_FILE, URL_FILE];
    if ours.contains(&word) || !word.is_empty() && word.chars().all(|c| is_plain(c) || c == '%') {
        return word.replace('%', "\\%");
    }
    let mut out = String::from("'");
    let mut before = ' ';
    for c in word.chars() {
        match (before, c) {
            (_, '\'') => out.push_str("'\\''"),
            (_, '%') => out.push_str("'\\%'"),
            ('\\', '\\') => out.push_str("''\\"),
            _ => out.push(c),
        }
        before = c;
    }
    out.push('\'');
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_needs_it_is_quoted() {
        for (word, line) in [
            ("https://example.com/a?b=c", "'https://example.com/a?b=c'"),
            ("https://example.com/a%20b", "https://example.com/a\\%20b"),
            ("~/.api-token", "~/.api-token"),
            ("~/other", "'~/other'"),
            ("", "''"),
            ("100 %", "'100 '\\%''"),
            ("it's", "'it'\\''s'"),
            ("\\\\", "'\\''\\'"),
        ] {
            assert_eq!(quoted(word), line);
        }
    }
}
