//! The URL that is read from a file, because whoever knows it may use it.

use std::path::Path;
use std::rc::Rc;

use super::odd_character;
use crate::request::{Target, Url};
use crate::system::error::{Error, Kind, Result};
use crate::system::secret;
use crate::system::time::Deadline;

/// The remedy for a secret over plain http.
pub(crate) const USE_HTTPS: &str = "use https, or say --allow-http if you trust that network";

/// The URL in `file`. Messages do not quote it.
///
/// # Errors
/// [`Kind::Config`] if the file cannot be read or used; [`Kind::Unreached`] if nothing came in time.
pub(crate) fn read_url(file: &Path, allow_http: bool, deadline: Deadline) -> Result<Url> {
    let text = secret::from_file("the URL file", "the URL", file, deadline)?;
    let unusable = |why: &str, remedy: &str| {
        let what = format!("reading the URL file '{}': {why}", file.display());
        Err(Error::new(Kind::Config, what).hint(remedy))
    };
    const ALONE: &str = "it must hold the URL and nothing else, such as https://HOST/PATH";
    let text = text.expose();
    if let Some(odd) = odd_character(text, |c| !c.is_ascii_graphic()) {
        return unusable(&format!("the URL has {odd}"), ALONE);
    }
    let scheme = text.split_once("://").map(|(scheme, _)| scheme);
    match scheme.map(str::to_ascii_lowercase).as_deref() {
        Some("https" | "http") => {}
        Some(_) => return unusable("something else than https:// stands before the URL", ALONE),
        None => return unusable("there is no URL with a scheme in it", ALONE),
    }
    let url = match Url::parse(text) {
        Ok(url) => url.read_from(file.to_owned()),
        Err(why) => return unusable(&format!("the URL cannot be used: {why}"), ALONE),
    };
    if !url.is_https() && !url.is_loopback() && !allow_http {
        let why = "anyone on the network path could read the URL over plain http";
        return unusable(why, USE_HTTPS);
    }
    Ok(url)
}

/// The target of a message, with the URL that its file has now.
///
/// # Errors
/// As for [`read_url`].
pub(crate) fn with_url(target: &Rc<Target>, deadline: Deadline) -> Result<Rc<Target>> {
    let Some(file) = target.url.file() else {
        return Ok(target.clone());
    };
    let url = read_url(file, target.connection.allow_http, deadline)?;
    Ok(Rc::new(Target {
        url,
        ..Target::clone(target)
    }))
}
