//! Whether an answer means that the document was accepted: 2xx, web pages, `--expect` and `--accept-status`.

mod web_page;

use super::exit::Exit;
use super::judge::shortened;
use super::verdict::{Fate, Retry, Verdict};
use crate::http::{Answer, End};
use crate::json::{self, Pointer};
use crate::request::{Expect, Plan, Show};

/// What an accepting answer must satisfy beyond its status.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Acceptance<'a> {
    /// What it has to contain.
    pub(crate) expect: &'a [Expect],
    /// Whether it may be a web page.
    pub(crate) any_answer: bool,
    /// What is printed of it: a value that is to be picked must exist.
    pub(crate) show: &'a Show,
}

impl Acceptance<'_> {
    /// What `plan` asks for.
    pub(crate) fn of(plan: &Plan) -> Acceptance<'_> {
        Acceptance {
            expect: &plan.expect,
            any_answer: plan.any_answer,
            show: &plan.output.show,
        }
    }
}

/// Whether `--accept-status` names this status.
pub(super) fn accepts(acceptance: Acceptance, status: u16) -> bool {
    acceptance.expect.contains(&Expect::Status(status))
}

/// The title of the answer, if it is a web page that does not count as accepted.
pub(super) fn title_of_page(answer: &Answer, acceptance: Acceptance) -> Option<String> {
    match acceptance.any_answer {
        true => None,
        false => web_page::title(answer),
    }
}

/// The status says that the document is accepted. The run fails all the same if the answer broke off, or if it has
/// nothing for `--pick`.
pub(super) fn accepted_by_status(answer: &Answer, acceptance: Acceptance) -> Verdict {
    let accepted = Verdict::new(Fate::Accepted, Exit::Ok, Retry::Never, String::new());
    let status = answer.status_and_reason();
    match (&answer.end, acceptance.show) {
        (End::Broken(why), _) => {
            let bytes = answer.body.len();
            let why = format!(
                "the API accepted the document ({status}), but its answer broke off after {bytes} bytes: {why}"
            );
            let hint = "do not send it again; look at what the API made of it";
            failed(Fate::Accepted, Exit::IoErr, why, hint)
        }
        (End::OverLimit, Show::Pick(_)) => {
            let hint =
                "the API has accepted it: look at what it made of it, and raise --max-response";
            failed(Fate::Accepted, Exit::IoErr, over_limit(answer), hint)
        }
        (End::Whole, Show::Pick(pointer)) => {
            let why = match answer.json() {
                None => "not with JSON".to_owned(),
                Some(body) if pointer.pick(body).is_none() => nothing_at(pointer),
                Some(_) => return accepted,
            };
            let hint = "the API has accepted it: look at what it says, and at the pointer";
            failed(
                Fate::Accepted,
                Exit::Protocol,
                format!("the API answered {status}, but {why}"),
                hint,
            )
        }
        (End::Whole | End::OverLimit, Show::Body | Show::Report) => accepted,
    }
}

/// The verdict of a run that fails, and must not send the document again.
fn failed(fate: Fate, exit: Exit, why: String, hint: &str) -> Verdict {
    Verdict {
        hint: Some(hint.to_owned()),
        ..Verdict::new(fate, exit, Retry::Never, why)
    }
}

fn over_limit(answer: &Answer) -> String {
    let status = answer.status_and_reason();
    format!("the API answered {status}, with more than --max-response holds")
}

fn nothing_at(pointer: &Pointer) -> String {
    format!("there is nothing at '{pointer}'")
}

const UNKNOWN: &str = "the API may have accepted it: check before sending it again";

/// A 2xx answer counts as accepted unless it is a web page, or `--expect` says otherwise. The remedy for a message in a
/// spool names no option, because a message keeps its own.
pub(super) fn judge_success(answer: &Answer, acceptance: Acceptance, is_message: bool) -> Verdict {
    if let Some(title) = title_of_page(answer, acceptance) {
        let title = match title.is_empty() || answer.repeats_secret {
            true => String::new(),
            false => format!(": {}", shortened(&title, 60)),
        };
        let why = format!(
            "the API answered {} with a web page, not an API's answer{title}",
            answer.status_and_reason()
        );
        let hint = "check the URL, and whether a login page, a captive portal or a proxy answers in the API's place";
        let hint = match is_message {
            true => hint.to_owned(),
            false => format!("{hint}; --any-answer accepts it"),
        };
        return failed(Fate::Refused, Exit::Protocol, why, &hint);
    }
    let is_about_body = |expect: &&Expect| !matches!(expect, Expect::Status(_));
    let expected: Vec<_> = acceptance.expect.iter().filter(is_about_body).collect();
    if expected.is_empty() {
        return accepted_by_status(answer, acceptance);
    }
    let (why, hint) = match &answer.end {
        End::Whole => match unmet(answer, &expected) {
            None => return accepted_by_status(answer, acceptance),
            Some(why) => {
                let why = format!("the API answered {}, but {why}", answer.status_and_reason());
                let hint = "look at what the API says, and at the pointer";
                return failed(Fate::Refused, Exit::Protocol, why, hint);
            }
        },
        End::Broken(why) => (
            format!(
                "the API answered {}, but its answer broke off: {why}",
                answer.status_and_reason()
            ),
            UNKNOWN,
        ),
        End::OverLimit => (
            over_limit(answer),
            match is_message {
                true => UNKNOWN,
                false => {
                    "the API may have accepted it: check before sending it again, and raise --max-response"
                }
            },
        ),
    };
    failed(Fate::Unknown, Exit::IoErr, why, hint)
}

/// What `answer` does not say of what is `expected`.
fn unmet(answer: &Answer, expected: &[&Expect]) -> Option<String> {
    let is_absent = |expect: &&Expect| matches!(expect, Expect::Absent(_));
    if answer.body.is_empty() && expected.iter().all(is_absent) {
        return None;
    }
    let Some(body) = answer.json() else {
        return Some("not with JSON".to_owned());
    };
    let shown = |found: &str| match answer.repeats_secret {
        true => "something else".to_owned(),
        false => shortened(found, 60),
    };
    expected.iter().find_map(|expect| match expect {
        Expect::Value(pointer, value) => match pointer.pick(body) {
            None => Some(nothing_at(pointer)),
            Some(found) if !json::equal(found, value) => {
                Some(format!("'{pointer}' is {}, not {value}", shown(found)))
            }
            Some(_) => None,
        },
        Expect::Absent(pointer) => match pointer.pick(body) {
            None | Some("null") => None,
            Some(found) => Some(format!(
                "'{pointer}' is {}, not absent or null",
                shown(found)
            )),
        },
        Expect::Status(_) => None,
    })
}
