//! authpost: one authenticated JSON POST, from a static binary that is safe to leave alone.
//!
//! A table of contents: the command line becomes a plan, the plan a job, the job an outcome, the outcome an exit code.

mod body;
mod deliver;
mod dns;
mod docs;
mod durable;
mod error;
mod flags;
mod http;
mod job;
mod json;
mod oauth2;
mod outcome;
mod plan;
mod report;
mod secret;
mod time;
mod token;

use std::process::ExitCode;
use std::rc::Rc;

use deliver::{Api, deliver};
use error::Result;
use flags::Command;
use job::Job;
use outcome::{Exit, Terms};
use plan::Plan;
use report::Report;
use time::SystemClock;

fn main() -> ExitCode {
    std::panic::set_hook(Box::new(|panic| {
        std::process::exit(last_words(panic).code().into())
    }));
    let exit = flags::parse(std::env::args_os().skip(1))
        .and_then(run)
        .unwrap_or_else(|error| {
            report::error(&error);
            error.kind().into()
        });
    ExitCode::from(exit.code())
}

fn run(command: Command) -> Result<Exit> {
    match command {
        Command::Send(plan) => return send(*plan),
        Command::Help { all } => report::page(docs::help(all).as_bytes())?,
        Command::Man => report::page(docs::man().as_bytes())?,
        Command::Completions(shell) => report::page(docs::completions(shell).as_bytes())?,
        Command::Version => report::page(docs::version().as_bytes())?,
    }
    Ok(Exit::Ok)
}

/// One document to one API.
fn send(plan: Plan) -> Result<Exit> {
    let report = Report::new(&plan.output);
    let body = job::document(&plan.input)?;
    let key_is_random = plan.key.is_none();
    let job = Job::new(Rc::new(plan.target), plan.key, body);
    if plan.dry_run {
        return report::dry_run(&job, key_is_random).map(|()| Exit::Ok);
    }
    if job.target.connection.insecure {
        report.insecure();
    }
    let mut api = Api::new(&job.target)?;
    report.request(&job);
    let terms = Terms {
        expect: &plan.expect,
        show: &plan.output.show,
    };
    let outcome = deliver(
        &job,
        &mut api,
        &plan.delivery,
        plan.delivery.timeout,
        terms,
        &SystemClock::start(),
        &mut |text| report.another_try(text),
    )?;
    if let Some(text) = api.note() {
        report.warning(&text);
    }
    report.outcome(&job, &outcome)
}

/// The one line for a panic: nobody is helped by a backtrace in a cron mail.
fn last_words(panic: &std::panic::PanicHookInfo) -> Exit {
    let what = panic.payload_as_str().unwrap_or("no reason given");
    // ureq takes the client's certificate and key for granted and panics where they do not fit together.
    if what.starts_with("valid client auth certificate") {
        report::error(&http::unfit_identity());
        return Exit::Config;
    }
    let place = panic.location().map_or(String::new(), |place| {
        format!(" at {}:{}", place.file(), place.line())
    });
    report::bug(&format!("{what}{place}"));
    Exit::Software
}
