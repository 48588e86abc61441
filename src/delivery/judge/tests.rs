//! Every row of the judgement, and of the table of exit codes.

#![allow(clippy::unwrap_used)]

use super::*;
use crate::http::End;
use crate::json::Pointer;
use crate::request::{Expect, Show};

fn answer(status: u16, body: &str) -> Answer {
    Answer {
        version: "HTTP/1.1",
        status,
        reason: "Words",
        headers: Vec::new(),
        retry_after: None,
        body: body.as_bytes().to_vec(),
        end: End::Whole,
        repeats_secret: false,
    }
}

fn fault(kind: Kind, hint: Option<&str>) -> Error {
    let error = Error::new(kind, "connecting: refused");
    match hint {
        Some(hint) => error.hint(hint),
        None => error,
    }
}

/// The verdict on the `number`th attempt.
fn plainly(attempt: &Attempt, number: u64) -> Verdict {
    let acceptance = Acceptance {
        expect: &[],
        any_answer: false,
        show: &Show::Body,
    };
    let circumstances = Circumstances {
        attempts: number - 1,
        ..Circumstances::default()
    };
    judge(attempt, &circumstances, acceptance)
}

/// Judges an answer by what `--expect` and `--pick` want of it.
fn wanting(answer: Answer, expect: &[(&str, &str)], pick: Option<&str>) -> Verdict {
    let expect: Vec<_> = expect
        .iter()
        .map(|(pointer, value)| {
            Expect::Value(Pointer::parse(pointer).unwrap(), (*value).to_owned())
        })
        .collect();
    let show = match pick {
        Some(pointer) => Show::Pick(Pointer::parse(pointer).unwrap()),
        None => Show::Body,
    };
    let acceptance = Acceptance {
        expect: &expect,
        any_answer: false,
        show: &show,
    };
    judge(
        &Attempt::Answered(answer),
        &Circumstances::default(),
        acceptance,
    )
}

#[track_caller]
fn is(verdict: &Verdict, fate: Fate, exit: Exit, retry: Retry) {
    assert_eq!(
        (verdict.fate, verdict.exit, verdict.retry),
        (fate, exit, retry),
        "{verdict:?}"
    );
}

#[test]
fn what_was_not_sent() {
    for (kind, exit, retry) in [
        (Kind::Unreached, Exit::TempFail, Retry::Safe),
        (Kind::Untrusted, Exit::TempFail, Retry::Never),
        (Kind::Denied, Exit::NoPerm, Retry::Never),
        (Kind::Input, Exit::NoInput, Retry::Never),
    ] {
        let verdict = plainly(&Attempt::Unsent(fault(kind, Some("do this"))), 1);
        is(&verdict, Fate::Unsent, exit, retry);
        assert_eq!(verdict.why, "connecting: refused");
        assert_eq!(verdict.hint.as_deref(), Some("do this"));
    }
}

#[test]
fn what_was_not_answered() {
    for kind in [Kind::Unreached, Kind::Untrusted, Kind::Input] {
        let verdict = plainly(&Attempt::Unanswered(fault(kind, None)), 1);
        is(&verdict, Fate::Unknown, Exit::IoErr, Retry::IfIdempotent);
        assert!(verdict.hint.unwrap().contains("may have accepted it"));
    }
}

#[test]
fn every_status() {
    use Retry::{IfIdempotent, Never, Safe, WithNewToken};
    for status in 100..=999 {
        let (fate, exit, retry) = match status {
            200..300 => (Fate::Accepted, Exit::Ok, Never),
            401 => (Fate::Refused, Exit::NoPerm, WithNewToken),
            403 | 407 => (Fate::Refused, Exit::NoPerm, Never),
            408 | 425 | 429 | 503 => (Fate::Unavailable, Exit::Unavailable, Safe),
            500..600 => (Fate::Unavailable, Exit::Unavailable, IfIdempotent),
            _ => (Fate::Refused, Exit::Protocol, Never),
        };
        for number in [1, 2] {
            let verdict = plainly(&Attempt::Answered(answer(status, "")), number);
            let retry = if (status, number) == (409, 2) {
                Safe
            } else {
                retry
            };
            is(&verdict, fate, exit, retry);
            let why = match fate {
                Fate::Accepted => String::new(),
                _ => format!("the API answered {status} Words"),
            };
            assert_eq!(verdict.why, why);
        }
    }
}

#[test]
fn a_redirect_says_where_to() {
    let mut answer = answer(308, "");
    answer.headers = vec![("location".to_owned(), "https://b.test/".to_owned())];
    let verdict = plainly(&Attempt::Answered(answer), 1);
    assert_eq!(
        verdict.why,
        "the API answered 308 Words and points to https://b.test/"
    );
}

#[test]
fn a_success_that_broke_off_was_accepted_unless_its_content_is_expected() {
    for end in [End::Broken("timed out".to_owned()), End::OverLimit] {
        let cut = || Answer {
            end: match &end {
                End::Broken(why) => End::Broken(why.clone()),
                _ => End::OverLimit,
            },
            // Whole by chance: what has been read must not count.
            ..answer(200, r#"{"ok":true}"#)
        };
        // What we cut ourselves is a failure only where more of it is wanted.
        let exit = match end {
            End::OverLimit => Exit::Ok,
            _ => Exit::IoErr,
        };
        let plain = wanting(cut(), &[], None);
        is(&plain, Fate::Accepted, exit, Retry::Never);
        let picked = wanting(cut(), &[], Some("/ok"));
        is(&picked, Fate::Accepted, Exit::IoErr, Retry::Never);
        let expected = wanting(cut(), &[("/ok", "true")], None);
        is(&expected, Fate::Unknown, Exit::IoErr, Retry::Never);
    }
    let broken = Answer {
        end: End::Broken("timed out".to_owned()),
        ..answer(400, "{")
    };
    is(
        &wanting(broken, &[], Some("/ok")),
        Fate::Refused,
        Exit::Protocol,
        Retry::Never,
    );
}

#[test]
fn a_success_must_say_all_that_is_expected() {
    let body = r#"{"ok":true,"n":1.0,"s":"a\u0062","o":{"x":[1,2]}}"#;
    for met in [
        &[("/ok", "true")][..],
        &[("/n", "1"), ("/s", "\"ab\""), ("/o", r#"{ "x" : [1, 2] }"#)],
        &[("/o/x/1", "2")],
    ] {
        is(
            &wanting(answer(200, body), met, None),
            Fate::Accepted,
            Exit::Ok,
            Retry::Never,
        );
    }
    for (unmet, why) in [
        (&[("/ok", "false")][..], "'/ok' is true, not false"),
        (&[("/ok", "true"), ("/n", "2")], "'/n' is 1.0, not 2"),
        (&[("/none", "1")], "there is nothing at '/none'"),
    ] {
        let verdict = wanting(answer(200, body), unmet, None);
        is(&verdict, Fate::Refused, Exit::Protocol, Retry::Never);
        assert_eq!(
            verdict.why,
            format!("the API answered 200 Words, but {why}")
        );
    }
    for body in ["", "<ok/>", "{\"ok\":true", "{\"ok\":true}{}"] {
        let verdict = wanting(answer(200, body), &[("/ok", "true")], None);
        is(&verdict, Fate::Refused, Exit::Protocol, Retry::Never);
        assert_eq!(verdict.why, "the API answered 200 Words, but not with JSON");
    }
}

#[test]
fn a_success_without_the_picked_value_was_accepted_all_the_same() {
    let body = r#"{"id":7}"#;
    let found = wanting(answer(200, body), &[("/id", "7")], Some("/id"));
    is(&found, Fate::Accepted, Exit::Ok, Retry::Never);
    let text = wanting(answer(200, "ok"), &[], Some("/id"));
    is(&text, Fate::Accepted, Exit::Protocol, Retry::Never);
    let missing = wanting(answer(200, body), &[("/id", "7")], Some("/name"));
    is(&missing, Fate::Accepted, Exit::Protocol, Retry::Never);
    assert_eq!(
        missing.why,
        "the API answered 200 Words, but there is nothing at '/name'"
    );
}
