//! Sending one document without a spool. `spooled.rs` and `lines.rs` have the other ways.

use super::{begin, lines, read_document, spooled, warn};
use crate::auth;
use crate::delivery::api::Api;
use crate::delivery::exit::{Exit, RunEnd};
use crate::delivery::{Context, Event, NoJournal, deliver};
use crate::output::{self, Report};
use crate::request::job::Job;
use crate::request::{Documents, Input, Plan};
use crate::spool::Message;
use crate::system::claim::Claim;
use crate::system::error::Result;
use crate::system::time::{Clock, Deadline, SystemClock};

/// Sends what `plan` describes. Returns the exit code of the run.
///
/// # Errors
/// What prevents the first delivery.
pub(crate) fn run(plan: &Plan) -> Result<RunEnd> {
    let report = Report::new(&plan.output);
    report.watch();
    let ended = all(plan, report);
    if let Err(error) = &ended
        && !plan.dry_run
        && *error.claim() != Claim::Accepted
    {
        // A failure to print this matters less than why nothing was sent.
        let _ = report.not_sent(&plan.target, error);
    }
    ended
}

fn all(plan: &Plan, report: Report) -> Result<RunEnd> {
    let clock = SystemClock::start();
    let _lock = match plan.dry_run {
        true => None,
        false => begin(&plan.run, &clock, report)?,
    };
    warn(&plan.target, plan.limit(clock.elapsed()), report);
    match &plan.documents {
        Documents::One(input) => one(plan, input, report, &clock),
        Documents::Lines(lines) => lines::run(plan, lines, &clock),
    }
}

/// The secret headers as a dry run shows them. They are checked if no request or command is needed for that.
///
/// # Errors
/// As for [`auth::describe`].
pub(super) fn secrets(plan: &Plan, clock: &SystemClock) -> Result<Vec<(String, String)>> {
    auth::describe(&plan.target, Deadline::after(plan.limit(clock.elapsed())))
}

fn one(plan: &Plan, input: &Input, report: Report, clock: &SystemClock) -> Result<RunEnd> {
    let body = read_document(input)?;
    let job = Job::new(plan.target.clone(), plan.key.clone(), body);
    if plan.dry_run {
        let key_is_random = plan.key.is_none();
        let secrets = secrets(plan, clock)?;
        return output::dry_run(&job, key_is_random, Some(secrets)).map(|()| Exit::Ok.into());
    }
    let context = Context::of(plan, clock);
    if let Some(spool) = &plan.spool {
        let message = Message::new(plan, &job, clock.unix())?;
        return spooled::send(spool, message, &job, &context, report);
    }
    let mut api = Api::new(&job.target)?;
    let tell = &mut |event: Event| report.event(&job, event);
    let outcome = deliver(&job, &mut api, &context, &mut NoJournal, tell)?;
    let claim = outcome.claim("the document", &job, plan.policy.idempotent);
    let exit = report.outcome(&job, &outcome);
    // The process exits now, and the kernel frees all memory at once. Freeing it piece by piece would take a tenth of the
    // time of an https POST.
    std::mem::forget((api, outcome, job));
    exit.map(|exit| RunEnd::new(exit, claim))
}
