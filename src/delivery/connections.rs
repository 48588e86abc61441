//! One connection and one token, kept as long as one message after the other can use them.

use std::rc::Rc;

use super::api::Api;
use super::backlog::{MessageEvent, Observer};
use crate::request::Target;
use crate::system::error::{Error, Kind, Result};

/// Whether both go to the same place, as far as the URLs say that are not secret.
fn is_same_place(a: &Target, b: &Target) -> bool {
    a.url.origin() == b.url.origin() && a.url.file() == b.url.file()
}

/// Whether one connection and token serve both.
fn share(a: &Target, b: &Target) -> bool {
    is_same_place(a, b)
        && a.connection == b.connection
        && a.auth == b.auth
        && a.header_files == b.header_files
}

/// The connection in use, and what is known of others.
#[derive(Default)]
pub(crate) struct Connections {
    current: Option<(Rc<Target>, Api)>,
    /// Targets that could not be reached in this run.
    unreached: Vec<Rc<Target>>,
    /// Targets whose token, certificate or the like cannot be used in this run.
    unusable: Vec<Rc<Target>>,
}

impl Connections {
    /// The API of `target`, with the connection and the token that are there if they serve.
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

    /// The API that is there, if it serves `target`.
    pub(crate) fn take(&mut self, target: &Target) -> Option<Api> {
        let kept = self.current.take();
        // The file may have another URL by now.
        kept.filter(|(known, _)| share(known, target) && known.url.secret() == target.url.secret())
            .map(|(_, api)| api)
    }

    /// An attempt found nobody at this target's address.
    pub(crate) fn not_reached(&mut self, target: &Rc<Target>) {
        self.current = None;
        self.unreached.push(target.clone());
    }

    /// An error of ours kept us from an attempt.
    pub(crate) fn failed(&mut self, target: &Rc<Target>, error: &Error) {
        self.current = None;
        // The disk may take the next message.
        if error.kind() != Kind::Output {
            self.unusable.push(target.clone());
        }
    }

    /// Whether this run has found that it cannot send to `target`.
    pub(crate) fn cannot_reach(&self, target: &Target) -> bool {
        self.unreached
            .iter()
            .any(|known| is_same_place(known, target))
            || self.unusable.iter().any(|known| share(known, target))
    }
}
