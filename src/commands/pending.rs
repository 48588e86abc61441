//! What is said of documents that a run leaves pending in a spool: who delivers them, and when.

use crate::delivery::exit::Exit;
use crate::delivery::verdict::Scope;
use crate::spool::{MIN_AGE, Spool, Tag};
use crate::system::time;

/// Who delivers what is pending for the target of `tag`, `it` or `them`, after a failure `now` with this exit code and
/// scope; and from when until when it is retried, if the target has to wait.
pub(super) fn delivered_by(
    spool: &Spool,
    tag: &Tag,
    them: &str,
    (exit, scope): (Exit, Scope),
    now: u64,
) -> String {
    let dir = spool.dir().display();
    let flush = format!("'authpost flush {dir}' delivers {them}");
    let left = spool.backoff(tag).left(now);
    if left == 0 {
        return flush;
    }
    let from = time::rfc3339(now + left);
    let until = match (exit, scope) {
        // It is never given up, because a person mends something first; or after a few failures of its own, at any time.
        (Exit::NoPerm | Exit::NoInput | Exit::Config | Exit::CantCreat, _)
        | (_, Scope::Message) => String::new(),
        (_, Scope::Target) => {
            let until = now + MIN_AGE;
            format!(" until {} or later", time::rfc3339(until))
        }
    };
    format!("{flush}, retried from {from}{until}")
}
