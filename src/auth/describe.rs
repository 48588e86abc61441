//! The secret headers of a request, as a dry run shows them.

use super::{Credentials, at_hand, can_be_read_again, header, header_file};
use crate::request::{Auth, Form, Target, TokenSource};
use crate::system::error::Result;
use crate::system::secret::Secret;
use crate::system::time::Deadline;

/// The secret headers in a form that may be shown: the source of each, and its length. Files and variables are read and
/// checked as for a request; anything that would have to be fetched, or can be read only once, is not.
///
/// # Errors
/// As for [`Credentials::obtain`].
pub(crate) fn describe(target: &Target, deadline: Deadline) -> Result<Vec<(String, String)>> {
    let Auth { source, form } = &target.auth;
    let (from, is_at_hand) = match source {
        TokenSource::File(path) => (path.display().to_string(), can_be_read_again(path)),
        TokenSource::Env(name) => (name.clone(), true),
        TokenSource::Command(_) => ("--token-command".to_owned(), false),
        TokenSource::OAuth2(path) => (path.display().to_string(), false),
        TokenSource::None => (String::new(), true),
    };
    let length = |secret: &Secret| format!("{} characters", secret.expose().chars().count());
    let files_last = target
        .header_files
        .iter()
        .all(|path| can_be_read_again(path));
    let (mut token, mut others) = ("not fetched".to_owned(), Vec::new());
    if is_at_hand && files_last {
        let credentials = Credentials::obtain(target, deadline, &mut |_| {})?;
        if let Some(found) = &credentials.token {
            token = length(&found.secret);
        }
        let own = usize::from(credentials.token.is_some());
        others = credentials.headers.into_iter().skip(own).collect();
    } else {
        if is_at_hand && let Some(found) = at_hand(source, deadline)? {
            header(target, &found)?;
            token = length(&found);
        }
        for path in target
            .header_files
            .iter()
            .filter(|path| can_be_read_again(path))
        {
            others.extend(header_file::read(path, deadline)?);
        }
    }
    let shown = format!("(from {from}, {token})");
    let own = match (source, form) {
        (TokenSource::None, _) => None,
        (_, Form::Scheme(word)) => Some(("authorization".to_owned(), format!("{word} {shown}"))),
        (_, Form::Header(name)) => Some((name.to_ascii_lowercase(), shown)),
    };
    let others = others.iter().map(|(name, secret)| {
        let shown = format!("(from --header-file, {})", length(secret));
        (name.to_ascii_lowercase(), shown)
    });
    let unread = target
        .header_files
        .iter()
        .filter(|path| !can_be_read_again(path));
    let unread = unread.map(|path| {
        let name = format!("(the headers in {})", path.display());
        (name, "not read".to_owned())
    });
    Ok(own.into_iter().chain(others).chain(unread).collect())
}
