//! Whether an answer accepts the document: the judgement of a 2xx answer, of a web page, `--expect` and `--accept-status`.

mod web_page;

use super::exit::Exit;
use super::judge::shortened;
use super::verdict::{Fate, Retry, Verdict};
use crate::http::{Answer, End};
use crate::json;
use crate::request::{Expect, Show};

/// What an answer has to satisfy beyond its status.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Acceptance<'a> {
    /// What it must say.
    pub(crate) expect: &'a [Expect],
    /// Whether it may be a web page.
    pub(crate) any_answer: bool,
    /// What is to be picked out of it.
    pub(crate) show: &'a Show,
}

/// Whether `--accept-status` names this one.
pub(super) fn accepts(acceptance: Acceptance, status: u16) -> bool {
    acceptance.expect.contains(&Expect::Status(status))
}

/// The title of a web page that is no acceptance.
pub(super) fn title_of_page(answer: &Answer, acceptance: Acceptance) -> Option<String> {
    match acceptance.any_answer {
        true => None,
        false => web_page::title(answer),
    }
}

/// The status says that the document is accepted. The run fails all the same if the answer broke off.
pub(super) fn accepted_by_status(answer: &Answer) -> Verdict {
    let accepted = Verdict::new(Fate::Accepted, Exit::Ok, Retry::Never, String::new());
    match &answer.end {
        End::Broken(why) => Verdict {
            exit: Exit::IoErr,
            why: format!(
                "the API accepted the document ({}), but its answer broke off after {} bytes: {why}",
                answer.status_and_reason(),
                answer.body.len()
            ),
            hint: Some("do not send it again; look at what the API made of it".to_owned()),
            ..accepted
        },
        _ => accepted,
    }
}

/// A 2xx answer counts as accepted unless it is a web page, or `--expect` or `--pick` says otherwise.
pub(super) fn judge_success(answer: &Answer, acceptance: Acceptance) -> Verdict {
    let accepted = Verdict::new(Fate::Accepted, Exit::Ok, Retry::Never, String::new());
    if let Some(title) = title_of_page(answer, acceptance) {
        let title = match title.is_empty() || answer.repeats_secret {
            true => String::new(),
            false => format!(": {}", shortened(&title, 60)),
        };
        let why = format!(
            "the API answered {} with a web page, not an API's answer{title}",
            answer.status_and_reason()
        );
        let hint = "check the URL, and whether a login page, a captive portal or a proxy answers in the API's place; \
                    --any-answer accepts it";
        return Verdict {
            hint: Some(hint.to_owned()),
            ..Verdict::new(Fate::Refused, Exit::Protocol, Retry::Never, why)
        };
    }
    let is_about_body = |expect: &&Expect| !matches!(expect, Expect::Status(_));
    let expected: Vec<_> = acceptance.expect.iter().filter(is_about_body).collect();
    if expected.is_empty() && matches!(answer.end, End::Broken(_)) {
        return accepted_by_status(answer);
    }
    let picked = match acceptance.show {
        Show::Pick(pointer) => Some(pointer),
        _ => None,
    };
    if expected.is_empty() && picked.is_none() {
        return accepted;
    }
    if answer.end != End::Whole {
        let why = match &answer.end {
            End::Broken(why) => format!(
                "the API answered {}, but its answer broke off: {why}",
                answer.status_and_reason()
            ),
            _ => format!(
                "the API answered {}, with more than --max-response holds",
                answer.status_and_reason()
            ),
        };
        let hint = Some("the API has accepted it: look at what it made of it".to_owned());
        return Verdict {
            fate: match expected.is_empty() {
                true => Fate::Accepted,
                false => Fate::Unknown,
            },
            exit: Exit::IoErr,
            why,
            hint,
            ..accepted
        };
    }
    let unmet = |fate, why| Verdict {
        fate,
        exit: Exit::Protocol,
        why: format!("the API answered {}, but {why}", answer.status_and_reason()),
        hint: Some(match fate {
            Fate::Accepted => {
                "the API has accepted it: look at what it says, and at the pointer".to_owned()
            }
            _ => "look at what the API says, and at the pointer".to_owned(),
        }),
        ..accepted
    };
    let is_absent = |expect: &&Expect| matches!(expect, Expect::Absent(_));
    if answer.body.is_empty() && picked.is_none() && expected.iter().all(is_absent) {
        return accepted;
    }
    let Some(body) = answer.json() else {
        let fate = match expected.is_empty() {
            true => Fate::Accepted,
            false => Fate::Refused,
        };
        return unmet(fate, "not with JSON".to_owned());
    };
    let shown = |found: &str| match answer.repeats_secret {
        true => "something else".to_owned(),
        false => shortened(found, 60),
    };
    for expect in expected {
        let why = match expect {
            Expect::Value(pointer, value) => match pointer.pick(body) {
                None => format!("there is nothing at '{pointer}'"),
                Some(found) if !json::equal(found, value) => {
                    format!("'{pointer}' is {}, not {value}", shown(found))
                }
                Some(_) => continue,
            },
            Expect::Absent(pointer) => match pointer.pick(body) {
                None | Some("null") => continue,
                Some(found) => format!("'{pointer}' is {}, not absent or null", shown(found)),
            },
            Expect::Status(_) => continue,
        };
        return unmet(Fate::Refused, why);
    }
    match picked {
        Some(pointer) if pointer.pick(body).is_none() => {
            unmet(Fate::Accepted, format!("there is nothing at '{pointer}'"))
        }
        _ => accepted,
    }
}
