//! The loop against an API and a clock that are scripted: nothing here sleeps.

#![allow(clippy::unwrap_used, clippy::panic)]

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::rc::Rc;

use super::*;
use crate::auth::oauth2::Tell;
use crate::document::Document;
use crate::http::End;
use crate::request::Family;
use crate::request::{Auth, Connection, Form, Method, Show, Target, TokenSource, Url};
use crate::system::error::Error;

const SECOND: Duration = Duration::from_secs(1);

/// A clock that stands still but for what sleeps on it, and a chance that is always the same.
struct Still {
    elapsed: Cell<Duration>,
    chance: f64,
    slept: RefCell<Vec<Duration>>,
}

impl Clock for Still {
    fn elapsed(&self) -> Duration {
        self.elapsed.get()
    }

    fn unix(&self) -> u64 {
        784_111_777 + self.elapsed().as_secs() // Sun, 06 Nov 1994 08:49:37 GMT
    }

    fn sleep(&self, time: Duration) {
        self.slept.borrow_mut().push(time);
        self.elapsed.set(self.elapsed() + time);
    }

    fn chance(&self) -> f64 {
        self.chance
    }
}

/// An API that does as it is told. Each attempt takes as long as it says.
struct Script<'a> {
    clock: &'a Still,
    takes: Duration,
    attempts: VecDeque<Attempt>,
    prepared: VecDeque<Result<()>>,
    renewed: VecDeque<Result<bool>>,
    renewals: u32,
    expiry: Option<u64>,
}

impl Endpoint for Script<'_> {
    fn prepare(&mut self, _: &Job, _: Deadline, _: Tell) -> Result<()> {
        self.prepared.pop_front().unwrap_or(Ok(()))
    }

    fn renew(&mut self, _: &Job, _: Deadline, _: Tell) -> Result<bool> {
        self.renewals += 1;
        self.renewed.pop_front().unwrap_or(Ok(false))
    }

    fn attempt(&mut self, _: &Job, _: Deadline) -> Attempt {
        self.clock.elapsed.set(self.clock.elapsed() + self.takes);
        self.attempts.pop_front().unwrap()
    }

    fn expiry(&self) -> Option<u64> {
        self.expiry
    }

    fn note(&mut self) -> Option<String> {
        None
    }
}

fn answered(status: u16) -> Attempt {
    answered_with(status, &[])
}

fn answered_with(status: u16, headers: &[(&str, &str)]) -> Attempt {
    let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
    let retry_after = headers.iter().find(|(name, _)| *name == "retry-after");
    Attempt::Answered(Answer {
        version: "HTTP/1.1",
        status,
        reason: "",
        headers: headers.iter().map(owned).collect(),
        retry_after: retry_after.map(|(_, value)| (*value).to_owned()),
        body: Vec::new(),
        end: End::Whole,
        repeats_secret: false,
    })
}

fn fault(kind: Kind) -> Error {
    Error::new(kind, "a fault")
}

fn unsent() -> Attempt {
    Attempt::Unsent(fault(Kind::Unreached))
}

fn unanswered() -> Attempt {
    Attempt::Unanswered(fault(Kind::Unreached))
}

/// What a delivery is told, and what came of it.
struct Delivered {
    outcome: Result<Outcome>,
    slept: Vec<Duration>,
    told: Vec<String>,
    renewals: u32,
}

impl Delivered {
    #[track_caller]
    fn ends(&self, fate: Fate, exit: Exit, attempts: u32) {
        let outcome = self.outcome.as_ref().unwrap();
        let verdict = &outcome.verdict;
        assert_eq!(
            (verdict.fate, outcome.exit(), outcome.attempts),
            (fate, exit, attempts),
            "{outcome:?}"
        );
    }

    #[track_caller]
    fn says(&self, why: &str) {
        assert_eq!(self.outcome.as_ref().unwrap().why(), why);
    }
}

/// A delivery with the usual rules: four tries, 1 s doubling to 30 s, a minute in all, full waits.
struct Given {
    policy: RetryPolicy,
    chance: f64,
    takes: Duration,
    prepared: Vec<Result<()>>,
    renewed: Vec<Result<bool>>,
    expiry: Option<u64>,
}

fn given() -> Given {
    Given {
        policy: RetryPolicy {
            timeout: SECOND * 60,
            max_attempts: None,
            wait: SECOND,
            max_wait: SECOND * 30,
            idempotent: false,
            retries_outages: true,
        },
        chance: 1.0,
        takes: Duration::ZERO,
        prepared: Vec::new(),
        renewed: Vec::new(),
        expiry: None,
    }
}

impl Given {
    fn idempotent(mut self) -> Given {
        self.policy.idempotent = true;
        self
    }

    fn attempts(mut self, attempts: u32) -> Given {
        self.policy.max_attempts = Some(attempts);
        self
    }

    fn within(mut self, timeout: Duration) -> Given {
        self.policy.timeout = timeout;
        self
    }

    fn renewing(mut self, renewed: impl IntoIterator<Item = Result<bool>>) -> Given {
        self.renewed = renewed.into_iter().collect();
        self
    }

    /// Delivers to an API that does this, all of it.
    #[track_caller]
    fn deliver(self, attempts: impl IntoIterator<Item = Attempt>) -> Delivered {
        let clock = Still {
            elapsed: Cell::new(SECOND * 5),
            chance: self.chance,
            slept: RefCell::default(),
        };
        let mut api = Script {
            clock: &clock,
            takes: self.takes,
            attempts: attempts.into_iter().collect(),
            prepared: self.prepared.into(),
            renewed: self.renewed.into(),
            renewals: 0,
            expiry: self.expiry,
        };
        let context = context(&self.policy, &clock);
        let mut told = Vec::new();
        let tell = &mut |event: Event| match event {
            Event::Attempt(line) => told.push(line.to_owned()),
            Event::Request | Event::TokenExchange(_) => {}
        };
        let outcome = deliver(&job(), &mut api, &context, &mut NoJournal, tell);
        assert!(api.attempts.is_empty(), "left: {:?}", api.attempts);
        let renewals = api.renewals;
        Delivered {
            outcome,
            slept: clock.slept.take(),
            told,
            renewals,
        }
    }
}

/// The settings of a run that sends one document.
fn context<'a>(policy: &'a RetryPolicy, clock: &'a dyn Clock) -> Context<'a> {
    Context {
        policy,
        limit: policy.timeout,
        acceptance: Acceptance {
            expect: &[],
            any_answer: false,
            show: &Show::Body,
        },
        clock,
        is_message: false,
        history: History::default(),
    }
}

fn job() -> Job {
    let target = Target {
        method: Method::Post,
        url: Url::parse("https://api.test/").unwrap(),
        headers: Vec::new(),
        header_files: Vec::new(),
        is_ndjson: false,
        auth: Auth {
            source: TokenSource::None,
            form: Form::Scheme("Bearer".to_owned()),
        },
        idempotency_header: None,
        connection: Connection {
            cacert: None,
            identity: None,
            insecure: false,
            allow_http: false,
            proxy: None,
            family: Family::Any,
            connect_timeout: SECOND,
            max_response: 1,
        },
    };
    Job::new(Rc::new(target), None, Document::empty())
}

#[test]
fn what_was_not_sent_is_sent_again() {
    given()
        .deliver([unsent(), answered(200)])
        .ends(Fate::Accepted, Exit::Ok, 2);
    let never = given()
        .attempts(4)
        .deliver([unsent(), unsent(), unsent(), unsent()]);
    never.ends(Fate::Unsent, Exit::TempFail, 4);
    never.says("a fault (4 attempts)");
}

#[test]
fn a_bad_certificate_and_its_like_end_the_run() {
    for (kind, exit) in [
        (Kind::Untrusted, Exit::TempFail),
        (Kind::Denied, Exit::NoPerm),
        (Kind::Input, Exit::NoInput),
    ] {
        let ended = given().idempotent().deliver([Attempt::Unsent(fault(kind))]);
        ended.ends(Fate::Unsent, exit, 1);
        ended.says("a fault");
    }
}

#[test]
fn what_was_not_processed_is_sent_again() {
    for status in [408, 425, 429, 503] {
        let again = given().deliver([answered(status), answered(200)]);
        again.ends(Fate::Accepted, Exit::Ok, 2);
        given()
            .attempts(2)
            .deliver([answered(status), answered(status)])
            .ends(Fate::Unavailable, Exit::Unavailable, 2);
    }
}

#[test]
fn what_may_have_been_processed_is_sent_again_only_when_that_is_harmless() {
    for status in [500, 501, 502, 504, 505, 507, 511, 599] {
        given()
            .deliver([answered(status)])
            .ends(Fate::Unavailable, Exit::Unavailable, 1);
        given()
            .idempotent()
            .deliver([answered(status), answered(200)])
            .ends(Fate::Accepted, Exit::Ok, 2);
    }
    given()
        .deliver([unanswered()])
        .ends(Fate::Unknown, Exit::IoErr, 1);
    given()
        .idempotent()
        .deliver([unanswered(), answered(200)])
        .ends(Fate::Accepted, Exit::Ok, 2);
}

#[test]
fn who_said_idempotent_is_not_told_to_say_it() {
    let hint = |given: Given, attempts: [Attempt; 1]| {
        let outcome = given.attempts(1).deliver(attempts).outcome.unwrap();
        outcome.hint().unwrap().to_owned()
    };
    for attempt in [unanswered, || answered(500)] {
        assert!(hint(given(), [attempt()]).contains("--idempotent"));
        assert_eq!(
            hint(given().idempotent(), [attempt()]),
            "the API may have accepted it: check before sending it under another key"
        );
    }
}

#[test]
fn what_was_refused_is_not_sent_again() {
    for (status, exit) in [
        (300, Exit::Protocol),
        (302, Exit::Protocol),
        (304, Exit::Protocol),
        (308, Exit::Protocol),
        (400, Exit::Protocol),
        (403, Exit::NoPerm),
        (404, Exit::Protocol),
        (407, Exit::NoPerm),
        (409, Exit::Protocol),
        (410, Exit::Protocol),
        (422, Exit::Protocol),
        (451, Exit::Protocol),
        (101, Exit::Protocol),
        (600, Exit::Protocol),
    ] {
        given()
            .idempotent()
            .deliver([answered(status)])
            .ends(Fate::Refused, exit, 1);
    }
}

#[test]
fn what_was_accepted_is_not_sent_again() {
    for status in [200, 201, 202, 204, 299] {
        given()
            .idempotent()
            .deliver([answered(status)])
            .ends(Fate::Accepted, Exit::Ok, 1);
    }
}

#[test]
fn a_conflict_on_a_later_try_means_that_the_first_is_still_running() {
    given()
        .deliver([answered(503), answered(409), answered(409), answered(201)])
        .ends(Fate::Accepted, Exit::Ok, 4);
}

#[test]
fn a_refused_token_is_renewed_once() {
    let renewed = given()
        .renewing([Ok(true)])
        .deliver([answered(401), answered(200)]);
    renewed.ends(Fate::Accepted, Exit::Ok, 2);
    assert_eq!(renewed.slept, []);
    assert_eq!(
        renewed.told,
        ["attempt 1: the API answered 401; retrying with a new token"]
    );

    let twice = given()
        .renewing([Ok(true), Ok(true)])
        .deliver([answered(401), answered(401)]);
    twice.ends(Fate::Refused, Exit::NoPerm, 2);
    assert_eq!(twice.renewals, 1);

    let same = given().renewing([Ok(false)]).deliver([answered(401)]);
    same.ends(Fate::Refused, Exit::NoPerm, 1);
    same.says("the API answered 401");

    let only = given()
        .attempts(1)
        .renewing([Ok(true)])
        .deliver([answered(401), answered(200)]);
    only.ends(Fate::Accepted, Exit::Ok, 2);

    let lost = given()
        .renewing([Err(Error::new(Kind::Config, "reading it: it is empty"))])
        .deliver([answered(401)]);
    lost.ends(Fate::Refused, Exit::NoPerm, 1);
    lost.says("the API answered 401; no new token: reading it: it is empty");
}

#[test]
fn a_refused_token_that_is_over_is_told() {
    let told = |expiry| {
        let mut given = given();
        given.expiry = Some(expiry);
        given.deliver([answered(401)])
    };
    told(784_111_782 - 7200)
        .says("the API answered 401: the token expired 2 h ago (1994-11-06 06:49:42 UTC)");
    told(784_111_783).says("the API answered 401");
}

#[test]
fn a_token_source_that_is_not_reached_is_asked_again() {
    let unreached = || Err(Error::new(Kind::Unreached, "asking for a token").hint("wait"));
    let mut slow = given();
    slow.prepared = vec![unreached(), Ok(())];
    slow.deliver([answered(200)])
        .ends(Fate::Accepted, Exit::Ok, 2);

    let mut never = given().attempts(2);
    never.prepared = vec![unreached(), unreached()];
    let never = never.deliver([]);
    never.ends(Fate::Unsent, Exit::TempFail, 2);
    never.says("asking for a token (2 attempts)");

    let mut wrong = given();
    wrong.prepared = vec![Err(Error::new(Kind::Config, "reading it: it is empty"))];
    let wrong = wrong.deliver([]).outcome.unwrap_err();
    assert_eq!(wrong.kind(), Kind::Config);
}

#[test]
fn waits_double_up_to_their_limit() {
    let mut given = given().attempts(8).within(SECOND * 1000);
    given.policy.max_wait = SECOND * 10;
    let waited = given.deliver((0..8).map(|_| answered(503)));
    assert_eq!(
        waited.slept,
        [1, 2, 4, 8, 10, 10, 10].map(Duration::from_secs)
    );
    let mut given = self::given().attempts(40).within(SECOND * 10_000);
    given.policy.wait = Duration::from_millis(1);
    let waited = given.deliver((0..40).map(|_| answered(503)));
    assert_eq!(waited.slept[14], Duration::from_millis(16_384));
    assert!(waited.slept[15..].iter().all(|wait| *wait == SECOND * 30));
}

#[test]
fn waits_are_drawn_from_nothing_up_to_the_whole() {
    for (chance, waits) in [
        (0.0, [0, 0, 0]),
        (0.25, [250, 500, 1000]),
        (0.999, [999, 1998, 3996]),
    ] {
        let mut given = given().attempts(4);
        given.chance = chance;
        let waited = given.deliver((0..4).map(|_| unsent()));
        assert_eq!(waited.slept, waits.map(Duration::from_millis));
    }
    let system = crate::system::time::SystemClock::start();
    let drawn: Vec<f64> = (0..10_000).map(|_| system.chance()).collect();
    assert!(drawn.iter().all(|chance| (0.0..1.0).contains(chance)));
    for tenth in 0..10 {
        let count = drawn
            .iter()
            .filter(|x| (**x * 10.0) as u32 == tenth)
            .count();
        assert!((800..1200).contains(&count), "{tenth}: {count}");
    }
}

#[test]
fn every_try_but_the_last_is_told() {
    let told = given()
        .deliver([unsent(), answered(503), answered(400)])
        .told;
    assert_eq!(
        told,
        [
            "attempt 1: a fault; retrying in 1.0 s",
            "attempt 2: the API answered 503; retrying in 2.0 s"
        ]
    );
}

#[test]
fn retry_after_is_obeyed() {
    for (text, wait) in [
        ("7", 7),
        ("Sun, 06 Nov 1994 08:49:52 GMT", 10),
        ("Sunday, 06-Nov-94 08:49:52 GMT", 10),
        ("Sun Nov  6 08:49:52 1994", 10),
        // In the past, and garbage: the usual wait.
        ("Sun, 06 Nov 1994 08:49:00 GMT", 1),
        ("0", 1),
        ("soon", 1),
        ("-5", 1),
    ] {
        let asked = answered_with(503, &[("retry-after", text)]);
        let waited = given().deliver([asked, answered(200)]);
        assert_eq!(waited.slept, [SECOND * wait], "{text}");
    }
    // Not with a wait shorter than our own.
    let mut given = given();
    given.policy.wait = SECOND * 20;
    let asked = answered_with(429, &[("retry-after", "3")]);
    assert_eq!(given.deliver([asked, answered(200)]).slept, [SECOND * 20]);
}

#[test]
fn retry_after_counts_where_another_try_is_safe_only() {
    for status in [500, 502] {
        let asked = answered_with(status, &[("retry-after", "7")]);
        given()
            .deliver([asked])
            .ends(Fate::Unavailable, Exit::Unavailable, 1);
        let asked = answered_with(status, &[("retry-after", "7")]);
        let waited = given().idempotent().deliver([asked, answered(200)]);
        assert_eq!(waited.slept, [SECOND * 7]);
    }
    let asked = answered_with(301, &[("retry-after", "7")]);
    given()
        .deliver([asked])
        .ends(Fate::Refused, Exit::Protocol, 1);
}

#[test]
fn retry_after_that_does_not_fit_ends_the_run_at_once() {
    for (status, text, why) in [
        (503, "60", "it asks to wait 60 s, but only 60 s are left"),
        (
            429,
            "3600",
            "it asks to wait 60 min, but only 60 s are left",
        ),
        (
            503,
            "Mon, 07 Nov 1994 08:49:42 GMT",
            "it asks to wait 24 h, but only 60 s are left",
        ),
        (
            503,
            "99999999999999999999999",
            "it asks to wait 213503982334601 d, but only 60 s are left",
        ),
    ] {
        let asked = answered_with(status, &[("retry-after", text)]);
        let ended = given().deliver([asked]);
        ended.ends(Fate::Unavailable, Exit::Unavailable, 1);
        ended.says(&format!("the API answered {status} ({why})"));
        assert_eq!(ended.slept, []);
    }
    let fits = answered_with(503, &[("retry-after", "59")]);
    assert_eq!(given().deliver([fits, answered(200)]).slept, [SECOND * 59]);
}

#[test]
fn our_waits_grow_shorter_towards_the_end_where_the_api_asks_for_another_try() {
    for (text, waits) in [
        ("0", &[1.0, 2.0, 4.0, 8.0, 7.5, 3.75, 1.875, 1.0][..]),
        ("3", &[3.0, 3.0, 4.0, 8.0, 6.0, 3.0][..]),
    ] {
        let given = given().within(SECOND * 30);
        let asked = || answered_with(429, &[("retry-after", text)]);
        let delivered = given.deliver(waits.iter().map(|_| asked()).chain([answered(200)]));
        let expected: Vec<_> = waits.iter().copied().map(Duration::from_secs_f64).collect();
        assert_eq!(delivered.slept, expected, "{text}");
    }
    // But never below the first of them.
    let mut given = given().within(SECOND * 10);
    given.policy.wait = SECOND * 20;
    let ended = given.deliver([answered_with(503, &[("retry-after", "3")])]);
    ended.says("the API answered 503 (no time left for another attempt)");
    assert_eq!(ended.slept, []);
}

#[test]
fn the_budget_ends_the_run() {
    let mut slow = given().within(SECOND * 10).attempts(100);
    slow.takes = SECOND * 3;
    let ended = slow.deliver([answered(503), answered(503), answered(503)]);
    ended.ends(Fate::Unavailable, Exit::Unavailable, 3);
    ended.says("the API answered 503 (3 attempts, no time left for another)");
    assert_eq!(ended.slept, [1000, 1500].map(Duration::from_millis));

    let mut slower = given().within(SECOND * 3);
    slower.takes = SECOND * 3;
    let ended = slower.deliver([unsent()]);
    ended.ends(Fate::Unsent, Exit::TempFail, 1);
    ended.says("a fault");
    assert_eq!(ended.outcome.unwrap().took, SECOND * 3);
}

/// A clock whose chance is another one each time, from a seed.
struct Dice {
    clock: Still,
    state: Cell<u64>,
}

impl Clock for Dice {
    fn elapsed(&self) -> Duration {
        self.clock.elapsed()
    }

    fn unix(&self) -> u64 {
        self.clock.unix()
    }

    fn sleep(&self, time: Duration) {
        self.clock.sleep(time);
    }

    fn chance(&self) -> f64 {
        // SplitMix64.
        let state = self.state.get().wrapping_add(0x9e37_79b9_7f4a_7c15);
        self.state.set(state);
        let mixed = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((mixed ^ (mixed >> 31)) >> 11) as f64 / (1u64 << 53) as f64
    }
}

/// An API that is down for this long, and answers 200 then.
struct Restarting<'a> {
    clock: &'a Dice,
    down: Duration,
    attempt: fn() -> Attempt,
}

impl Endpoint for Restarting<'_> {
    fn prepare(&mut self, _: &Job, _: Deadline, _: Tell) -> Result<()> {
        Ok(())
    }

    fn renew(&mut self, _: &Job, _: Deadline, _: Tell) -> Result<bool> {
        Ok(false)
    }

    fn attempt(&mut self, _: &Job, _: Deadline) -> Attempt {
        match self.clock.elapsed() < self.down {
            true => (self.attempt)(),
            false => answered(200),
        }
    }

    fn expiry(&self) -> Option<u64> {
        None
    }

    fn note(&mut self) -> Option<String> {
        None
    }
}

#[test]
fn an_api_that_restarts_is_ridden_out() {
    const RUNS: u64 = 2000;
    let gateway = || answered(502);
    for (down, least) in [(10, RUNS), (30, RUNS), (55, RUNS * 99 / 100)] {
        for (attempt, idempotent) in [
            (unsent as fn() -> Attempt, false),
            (|| answered(503), false),
            (unanswered, true),
            (gateway, true),
        ] {
            let mut policy = given().policy;
            policy.idempotent = idempotent;
            let (mut survived, mut most) = (0, 0);
            for seed in 0..RUNS {
                let clock = Dice {
                    clock: Still {
                        elapsed: Cell::default(),
                        chance: 0.0,
                        slept: RefCell::default(),
                    },
                    state: Cell::new(seed << 32),
                };
                let mut api = Restarting {
                    clock: &clock,
                    down: SECOND * down,
                    attempt,
                };
                let context = context(&policy, &clock);
                let job = job();
                let outcome =
                    deliver(&job, &mut api, &context, &mut NoJournal, &mut |_| {}).unwrap();
                survived += u64::from(outcome.exit() == Exit::Ok);
                most = most.max(outcome.attempts);
                assert!(clock.elapsed() <= policy.timeout);
            }
            assert!(survived >= least, "{survived} of {RUNS}, down for {down} s");
            assert!(most < 40, "{most} attempts, down for {down} s");
        }
    }
}

#[test]
fn what_may_not_pass_by_itself_is_tried_four_times() {
    for attempt in [|| answered(500), || answered(501)] {
        given()
            .idempotent()
            .deliver((0..4).map(|_| attempt()))
            .ends(Fate::Unavailable, Exit::Unavailable, 4);
    }
    // An earlier request with the document may still be processed.
    let conflict = || answered(409);
    given()
        .deliver([answered(503), conflict(), conflict(), conflict()])
        .ends(Fate::Refused, Exit::Protocol, 4);
    // With a spool, the next flush is the next chance.
    let mut spooled = given();
    spooled.policy.retries_outages = false;
    spooled
        .deliver((0..4).map(|_| unsent()))
        .ends(Fate::Unsent, Exit::TempFail, 4);
    // But an API that asks to slow down is there.
    let mut spooled = given();
    spooled.policy.retries_outages = false;
    spooled
        .deliver((0..5).map(|_| answered(429)).chain([answered(200)]))
        .ends(Fate::Accepted, Exit::Ok, 6);
}
