//! One connection and one token, shared by consecutive messages that can use the same ones.

use std::rc::Rc;

use super::api::Api;
use super::backlog::{MessageEvent, Observer};
use crate::request::Target;
use crate::system::error::{Error, Kind, Result};

/// Whether both have the same origin, or read their URL from the same file.
fn is_same_place(a: &Target, b: &Target) -> bool {
    a.url.origin() == b.url.origin() && a.url.file() == b.url.file()
}

/// Whether both targets can use the same connection and token.
fn share(a: &Target, b: &Target) -> bool {
    // All fields are listed, so that a new one cannot be overlooked here.
    let Target {
        method: _,
        url: _,
        headers: _,
        is_ndjson: _,
        header_files,
        auth,
        idempotency_header: _,
        connection,
    } = a;
    is_same_place(a, b)
        && *connection == b.connection
        && *auth == b.auth
        && *header_files == b.header_files
}

/// The current connection, and the targets that failed in this run.
#[derive(Default)]
pub(crate) struct Connections {
    current: Option<(Rc<Target>, Api)>,
    /// Targets that could not be reached in this run.
    unreached: Vec<Rc<Target>>,
    /// Targets whose token, certificate or the like could not be used in this run.
    unusable: Vec<Rc<Target>>,
}

impl Connections {
    /// The API of `target`, with the current connection and token if it can use them.
    ///
    /// # Errors
    /// As for [`Api::new`], and those of the `observer`.
    pub(crate) fn api(&mut self, target: &Rc<Target>, observer: Observer) -> Result<&mut Api> {
        let api = match self.take(target) {
            Some(api) => api,
            None => {
                observer(MessageEvent::Connecting(target))?;
                Api::new(target)?
            }
        };
        Ok(&mut self.current.insert((target.clone(), api)).1)
    }

    /// Takes the current API out, if `target` can use it.
    pub(crate) fn take(&mut self, target: &Target) -> Option<Api> {
        let kept = self.current.take();
        // The file may have another URL by now.
        kept.filter(|(known, _)| share(known, target) && known.url.secret() == target.url.secret())
            .map(|(_, api)| api)
    }

    /// Records that an attempt did not reach the API.
    pub(crate) fn not_reached(&mut self, target: &Rc<Target>) {
        self.current = None;
        self.unreached.push(target.clone());
    }

    /// Records that an error of our own prevented an attempt.
    pub(crate) fn failed(&mut self, target: &Rc<Target>, error: &Error) {
        self.current = None;
        // After an error of the disk, the next message may succeed.
        if error.kind() != Kind::Output {
            self.unusable.push(target.clone());
        }
    }

    /// Whether this run already failed to send to `target`.
    pub(crate) fn cannot_reach(&self, target: &Target) -> bool {
        self.unreached
            .iter()
            .any(|known| is_same_place(known, target))
            || self.unusable.iter().any(|known| share(known, target))
    }
}
