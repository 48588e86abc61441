//! One Job to its Outcome: when to try again, and when to stop.
//!
//! The loop draws everything from one budget: fetching the token, every attempt and every wait. It is told the time
//! and given its chance by a [`Clock`], so its tests wait for nothing. What an attempt means is judged in `outcome.rs`.

pub mod journal;
#[cfg(test)]
mod tests;
pub mod verdict;

use std::time::Duration;

use crate::auth::Credentials;
use crate::delivery::verdict::{Again, Exit, Fate, Terms, Verdict, judge};
use crate::http::{Answer, Attempt, Body, Client, Request};
use crate::request::job::Job;
use crate::request::{Delivery, Target};
use crate::system::error::{Kind, Result};
use crate::system::time::{self, Budget, Clock};

/// What a delivery came to.
#[derive(Debug)]
pub struct Outcome {
    /// The judgement on the last attempt.
    pub verdict: Verdict,
    /// The last answer, if the last attempt had one.
    pub answer: Option<Answer>,
    /// How many attempts were made.
    pub tries: u32,
    /// How long it all took.
    pub took: Duration,
    /// What stopped nothing, but should be mended.
    pub note: Option<String>,
}

impl Outcome {
    /// Of a delivery that was not even tried, for this reason, and ends the run like this.
    pub fn not_tried(why: String, exit: Exit) -> Outcome {
        Outcome {
            verdict: Verdict {
                fate: Fate::Unsent,
                exit,
                again: Again::Yes,
                why,
                hint: None,
            },
            answer: None,
            tries: 0,
            took: Duration::ZERO,
            note: None,
        }
    }
}

/// Where attempts are made.
pub trait Endpoint {
    /// Fetches the token, unless one that lasts is at hand.
    fn prepare(&mut self, job: &Job, budget: Budget) -> Result<()>;
    /// Fetches another token. Whether it differs from the one refused.
    fn renew(&mut self, job: &Job, budget: Budget) -> Result<bool>;
    /// Sends the job once.
    fn attempt(&mut self, job: &Job, budget: Budget) -> Attempt;
    /// When the token ends, in seconds since 1970, where that is known.
    fn expiry(&self) -> Option<u64>;
    /// What the user should know about the last attempt, or once about the token.
    fn note(&mut self) -> Option<String>;
}

/// The API of one target: a connection, and the credentials for it.
#[derive(Debug)]
pub struct Api {
    client: Client,
    credentials: Option<Credentials>,
    /// The last attempt was accepted before the document was written.
    hasty: bool,
}

impl Api {
    /// Gets ready to reach `target`; connects to nothing yet.
    ///
    /// # Errors
    /// As for [`Client::new`].
    pub fn new(target: &Target) -> Result<Api> {
        Ok(Api {
            client: Client::new(&target.connection, &target.url)?,
            credentials: None,
            hasty: false,
        })
    }
}

impl Endpoint for Api {
    fn prepare(&mut self, job: &Job, budget: Budget) -> Result<()> {
        match &mut self.credentials {
            None => self.credentials = Some(Credentials::obtain(&job.target, budget)?),
            Some(stale) if stale.are_stale() => drop(stale.renew(&job.target, budget)?),
            Some(_) => {}
        }
        Ok(())
    }

    fn renew(&mut self, job: &Job, budget: Budget) -> Result<bool> {
        match &mut self.credentials {
            Some(credentials) => credentials.renew(&job.target, budget),
            None => Ok(false),
        }
    }

    fn attempt(&mut self, job: &Job, budget: Budget) -> Attempt {
        let secrets = self
            .credentials
            .as_ref()
            .map_or(&[][..], Credentials::headers);
        let headers: Vec<_> = job.headers().collect();
        let request = Request {
            method: job.target.method.as_str(),
            url: &job.target.url,
            headers: &headers,
            secrets,
            body: Body::Json(&job.body),
        };
        let attempt = self.client.attempt(&request, budget);
        self.hasty = self.client.was_cut_short()
            && matches!(&attempt, Attempt::Answered(answer) if answer.status / 100 == 2);
        attempt
    }

    fn expiry(&self) -> Option<u64> {
        self.credentials.as_ref().and_then(Credentials::expiry)
    }

    fn note(&mut self) -> Option<String> {
        let hasty = self.hasty.then(|| {
            "the API accepted the document before it had read all of it: see that nothing is missing"
                .to_owned()
        });
        hasty.or_else(|| self.credentials.as_mut().and_then(Credentials::note))
    }
}

/// Delivers `job` within `limit`, and `tell`s of every try but the last in one line.
///
/// # Errors
/// What keeps us from making the first attempt, a token that cannot be used above all.
pub fn deliver(
    job: &Job,
    endpoint: &mut dyn Endpoint,
    rules: &Delivery,
    limit: Duration,
    terms: Terms,
    clock: &dyn Clock,
    tell: &mut dyn FnMut(&str),
) -> Result<Outcome> {
    let start = clock.elapsed();
    let left = || limit.saturating_sub(clock.elapsed() - start);
    let mut renewed = false;
    let mut tries = rules.tries;
    let mut maybe_taken = false;
    for number in 1.. {
        let limit = Budget::of(left());
        let (mut verdict, answer) = match one_try(job, endpoint, number, terms, limit, clock) {
            Ok(tried) => tried,
            // The token's own source was not reached: nothing was sent, and a later try may reach it. And after a try
            // that the API may have taken, no error of ours is all there is to say.
            Err(error) if error.kind() == Kind::Unreached || maybe_taken => {
                (judge(&Attempt::Unsent(error), number, terms), None)
            }
            Err(error) => return Err(error),
        };
        if verdict.again == Again::WithNewToken && !renewed && number < tries {
            renewed = true;
            match endpoint.renew(job, Budget::of(left())) {
                Ok(true) => {
                    tell(&format!(
                        "try {number}: {}; trying again with a new token",
                        verdict.why
                    ));
                    continue;
                }
                Ok(false) => {}
                Err(error) => {
                    verdict.why = format!("{}; a new token could not be had: {error}", verdict.why);
                    verdict.hint = error.remedy().map(str::to_owned).or(verdict.hint);
                }
            }
        }
        let asked = answer.as_ref().and_then(Answer::retry_after);
        let asked = asked.and_then(|text| time::retry_after(text, clock.unix()));
        let slower = asked.is_some() || answer.as_ref().is_some_and(|answer| answer.status == 429);
        if rules.patient && slower {
            tries = tries.saturating_add(1);
        }
        let because = match next(&verdict, asked, (number, tries), rules, left(), clock) {
            Next::Wait(wait) => {
                tell(&format!(
                    "try {number}: {}; next in {}",
                    verdict.why,
                    time::spoken(wait)
                ));
                maybe_taken |= verdict.again == Again::IfIdempotent;
                clock.sleep(wait);
                // A busy machine may wake us late.
                if left() > LEAST {
                    continue;
                }
                Some(no_time(number))
            }
            Next::Stop(because) => because,
        };
        if let Some(because) = because {
            verdict.why = format!("{} ({because})", verdict.why);
        }
        // The last try tells nothing of those before it, unless it is the API's word on the document.
        let taken = answer
            .as_ref()
            .is_some_and(|answer| answer.status / 100 == 2);
        if maybe_taken && !taken && verdict.again != Again::IfIdempotent {
            verdict.fate = Fate::Unknown;
            verdict.exit = Exit::IoErr;
            verdict.again = Again::IfIdempotent;
            verdict.why = format!("{}; an earlier try may have been taken", verdict.why);
        }
        if rules.idempotent && verdict.again == Again::IfIdempotent {
            verdict.hint = Some(
                "the API may have taken it: look before sending it under another key".to_owned(),
            );
        }
        return Ok(Outcome {
            verdict,
            answer,
            tries: number,
            took: clock.elapsed() - start,
            note: endpoint.note(),
        });
    }
    unreachable!("the last of all tries ends the loop")
}

/// Fetches the token where that is needed, sends the document once, and judges what came of it.
fn one_try(
    job: &Job,
    endpoint: &mut dyn Endpoint,
    number: u32,
    terms: Terms,
    budget: Budget,
    clock: &dyn Clock,
) -> Result<(Verdict, Option<Answer>)> {
    endpoint.prepare(job, budget)?;
    let attempt = endpoint.attempt(job, budget);
    let mut verdict = judge(&attempt, number, terms);
    let ended = endpoint.expiry().filter(|end| *end <= clock.unix());
    if let (Again::WithNewToken, Some(end)) = (verdict.again, ended) {
        let ago = time::ago(end, clock.unix());
        verdict.why = format!("{}: the token expired {ago}", verdict.why);
    }
    Ok(match attempt {
        Attempt::Answered(answer) => (verdict, Some(answer)),
        Attempt::Unsent(_) | Attempt::Unanswered(_) => (verdict, None),
    })
}

/// A try in no more time than this could only hide what the one before it came to.
const LEAST: Duration = Duration::from_millis(10);

fn no_time(tries: u32) -> String {
    match tries {
        1 => "no time is left for another try".to_owned(),
        _ => format!("{tries} tries, and no time is left for another"),
    }
}

/// What follows an attempt.
#[derive(Debug, PartialEq)]
enum Next {
    /// Try again after this long.
    Wait(Duration),
    /// It was the last, with a reason that the attempt itself does not tell.
    Stop(Option<String>),
}

/// What follows the `number`th attempt of so many `tries`, when the API `asked` to wait so long and so much of the
/// budget is `left`.
fn next(
    verdict: &Verdict,
    asked: Option<Duration>,
    (number, tries): (u32, u32),
    rules: &Delivery,
    left: Duration,
    clock: &dyn Clock,
) -> Next {
    let safe = match verdict.again {
        Again::Yes => true,
        Again::IfIdempotent => rules.idempotent,
        Again::No | Again::WithNewToken => false,
    };
    if !safe {
        return Next::Stop(None);
    }
    if number >= tries {
        return Next::Stop((number > 1).then(|| format!("{number} tries")));
    }
    if let Some(asked) = asked.filter(|asked| *asked >= left) {
        let time = (time::spoken(asked), time::spoken(left));
        return Next::Stop(Some(format!(
            "it asks to wait {}, and only {} are left",
            time.0, time.1
        )));
    }
    // Full jitter: anything between nothing and a ceiling that doubles, so that a crowd of runs spreads out.
    let mut ceiling = rules
        .wait
        .saturating_mul(1 << (number - 1).min(20))
        .min(rules.max_wait);
    // Where the API asks for another try, ours should fit into what is left. But what it asks for only makes the wait
    // longer: after `Retry-After: 0` it would be called without a pause until the deadline.
    if asked.is_some() {
        ceiling = ceiling.min(rules.wait.max(left / 2));
    }
    let drawn = ceiling.mul_f64(clock.chance());
    let wait = drawn.max(asked.unwrap_or_default());
    if wait.saturating_add(LEAST) >= left {
        // Where nothing at all is left, a first attempt says so itself.
        return Next::Stop((number > 1 || !left.is_zero()).then(|| no_time(number)));
    }
    Next::Wait(wait)
}
