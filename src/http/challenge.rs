//! Parses `WWW-Authenticate`: the credentials that an API asks for (RFC 9110, section 11.6.1).

use crate::request::is_token;

/// One challenge: a scheme and its parameters.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Challenge {
    /// The scheme, for example Bearer.
    pub(crate) scheme: String,
    parameters: Vec<(String, String)>,
}

impl Challenge {
    /// The challenges in the value of one header. Malformed parts are skipped.
    pub(crate) fn parse(value: &str) -> Vec<Challenge> {
        let mut challenges: Vec<Challenge> = Vec::new();
        let mut rest = value;
        loop {
            let start = rest.trim_start_matches([' ', '\t', ',']);
            let skipped = &rest[..rest.len() - start.len()];
            let begins = rest.len() == value.len() || skipped.contains(',');
            let end = start.find(is_delimiter).unwrap_or(start.len());
            let (word, behind) = start.split_at(end);
            rest = behind;
            if word.is_empty() {
                match rest.chars().next() {
                    Some(odd) => rest = &rest[odd.len_utf8()..],
                    None => return challenges,
                }
                continue;
            }
            let value = behind.trim_start().strip_prefix('=').map(str::trim_start);
            match (value, challenges.last_mut()) {
                (Some(value), Some(last))
                    if !value.is_empty() && !value.starts_with(['=', ',']) =>
                {
                    let (text, behind) = parameter_value(value);
                    last.parameters.push((word.to_ascii_lowercase(), text));
                    rest = behind;
                }
                (None, _) if begins && is_token(word) => challenges.push(Challenge {
                    scheme: word.to_owned(),
                    parameters: Vec::new(),
                }),
                // Credentials in a single word, as in Negotiate.
                _ => {}
            }
        }
    }

    /// Whether it has this scheme.
    pub(crate) fn is(&self, scheme: &str) -> bool {
        self.scheme.eq_ignore_ascii_case(scheme)
    }

    /// The parameter called `name`, which is given in lower case.
    pub(crate) fn parameter(&self, name: &str) -> Option<&str> {
        let mut parameters = self.parameters.iter();
        parameters
            .find(|(known, _)| known == name)
            .map(|(_, value)| value.as_str())
    }
}

fn is_delimiter(c: char) -> bool {
    matches!(c, ' ' | '\t' | ',' | '=' | '"')
}

/// Splits off a token or a quoted string.
fn parameter_value(text: &str) -> (String, &str) {
    let Some(quoted) = text.strip_prefix('"') else {
        let end = text.find([' ', '\t', ',']).unwrap_or(text.len());
        return (text[..end].to_owned(), &text[end..]);
    };
    let mut value = String::new();
    let mut characters = quoted.char_indices();
    while let Some((at, c)) = characters.next() {
        match c {
            '"' => return (value, &quoted[at + 1..]),
            '\\' => value.extend(characters.next().map(|(_, c)| c)),
            c => value.push(c),
        }
    }
    (value, "")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(value: &str) -> String {
        let challenge = |challenge: Challenge| {
            let parameters = challenge.parameters.iter();
            let parameters = parameters.map(|(name, value)| format!(" {name}=<{value}>"));
            format!("{}{};", challenge.scheme, parameters.collect::<String>())
        };
        Challenge::parse(value).into_iter().map(challenge).collect()
    }

    #[test]
    fn challenges_are_read_as_the_rfcs_write_them() {
        for (value, expected) in [
            // RFC 9110, section 11.6.1
            (
                r#"Basic realm="simple", Newauth realm="apps", type=1, title="Login to \"apps\"""#,
                r#"Basic realm=<simple>;Newauth realm=<apps> type=<1> title=<Login to "apps">;"#,
            ),
            // RFC 6750, section 3
            (
                r#"Bearer realm="example", error="invalid_token", error_description="The access token expired""#,
                "Bearer realm=<example> error=<invalid_token> error_description=<The access token expired>;",
            ),
            ("Negotiate, Basic", "Negotiate;Basic;"),
            (
                "Negotiate oYG2MIGz==, Basic realm = \"a,b\"",
                "Negotiate;Basic realm=<a,b>;",
            ),
            ("Negotiate oYG2MIGz", "Negotiate;"),
            (", ,Bearer", "Bearer;"),
            ("Bearer Error=\"x\"", "Bearer error=<x>;"),
            ("Bearer error=\"never ends\\", "Bearer error=<never ends>;"),
            ("Bearer error=, scope=\"a b\"", "Bearer scope=<a b>;"),
            ("realm=\"no scheme\"", ""),
            ("\"ä\" = ,,", ""),
            ("", ""),
        ] {
            assert_eq!(parsed(value), expected, "{value}");
        }
    }
}
