//! authpost: one authenticated JSON POST, from a static binary that is safe to leave alone.
//!
//! A table of contents: the command line becomes a plan, the plan a job, the job an outcome, the outcome an exit code.

mod auth;
mod cli;
mod commands;
mod delivery;
mod dns;
mod document;
mod http;
mod json;
mod output;
mod request;
mod spool;
mod system;

use std::process::ExitCode;

use cli::{Command, help};
use commands::{check, flush, lines, queue};
use delivery::verdict::{Exit, Terms};
use delivery::{Api, deliver, journal};
use output::Report;
use request::job::{self, Job};
use request::{Documents, Flush, Input, Plan, Run};
use system::error::Result;
use system::lock::Lock;
use system::time::{Clock, SystemClock};

fn main() -> ExitCode {
    std::panic::set_hook(Box::new(|panic| {
        std::process::exit(last_words(panic).code().into())
    }));
    let exit = cli::parse(std::env::args_os().skip(1))
        .and_then(run)
        .unwrap_or_else(|error| {
            output::error(&error);
            error.kind().into()
        });
    ExitCode::from(exit.code())
}

fn run(command: Command) -> Result<Exit> {
    match command {
        Command::Send(plan) => return send(*plan),
        Command::Check(plan) => {
            return check::check(&plan, Report::new(&plan.output), &SystemClock::start());
        }
        Command::Flush(plan) => return flush(&plan),
        Command::List { dir, json } => queue::list(&dir, json, &SystemClock::start())?,
        Command::Show(chosen) => queue::show(&chosen, &SystemClock::start())?,
        Command::Retry(chosen) => return queue::retry(&chosen),
        Command::Drop(chosen) => return queue::drop(&chosen),
        Command::Help { all } => output::page(help::help(all).as_bytes())?,
        Command::Man => output::page(cli::man::man().as_bytes())?,
        Command::Completions(shell) => {
            output::page(cli::completions::completions(shell).as_bytes())?
        }
        Command::Version => output::page(help::version().as_bytes())?,
    }
    Ok(Exit::Ok)
}

/// One document to one API, or many.
fn send(plan: Plan) -> Result<Exit> {
    let clock = SystemClock::start();
    let report = Report::new(&plan.output);
    let _lock = match plan.dry_run {
        true => None,
        false => begin(&plan.run, &clock, report)?,
    };
    if plan.target.connection.insecure && !plan.dry_run {
        report.insecure();
    }
    match &plan.documents {
        Documents::One(input) => send_one(&plan, input, report, &clock),
        Documents::Lines(lines) => lines::run(&plan, lines, &clock),
    }
}

fn send_one(plan: &Plan, input: &Input, report: Report, clock: &SystemClock) -> Result<Exit> {
    let body = job::document(input)?;
    let key_is_random = plan.key.is_none();
    let job = Job::new(plan.target.clone(), plan.key.clone(), body);
    if plan.dry_run {
        return output::dry_run(&job, key_is_random).map(|()| Exit::Ok);
    }
    let terms = Terms {
        expect: &plan.expect,
        show: &plan.output.show,
    };
    let limit = plan.run.limit(plan.delivery.timeout, clock.elapsed());
    if let Some(dir) = &plan.spool {
        return journal::send(dir, &job, &plan.delivery, limit, terms, report, clock);
    }
    let mut api = Api::new(&job.target)?;
    report.request(&job);
    let outcome = deliver(
        &job,
        &mut api,
        &plan.delivery,
        limit,
        terms,
        clock,
        &mut |text| report.another_try(text),
    )?;
    report.outcome(&job, &outcome)
}

/// What waits in a spool.
fn flush(plan: &Flush) -> Result<Exit> {
    let clock = SystemClock::start();
    let report = Report::new(&plan.output);
    let _lock = begin(&plan.run, &clock, report)?;
    flush::run(plan, report, &clock)
}

/// The lock, to be held for the rest of the run, and then the random wait.
fn begin(run: &Run, clock: &SystemClock, report: Report) -> Result<Option<Lock>> {
    let lock = run.lock.as_deref().map(Lock::take).transpose()?;
    if !run.splay.is_zero() {
        let wait = run.splay.mul_f64(clock.chance());
        report.splay(wait);
        clock.sleep(wait);
    }
    Ok(lock)
}

/// The one line for a panic: nobody is helped by a backtrace in a cron mail.
fn last_words(panic: &std::panic::PanicHookInfo) -> Exit {
    let what = panic.payload_as_str().unwrap_or("no reason given");
    // ureq takes the client's certificate and key for granted and panics where they do not fit together.
    if what.starts_with("valid client auth certificate") {
        output::error(&http::unfit_identity());
        return Exit::Config;
    }
    let place = panic.location().map_or(String::new(), |place| {
        format!(" at {}:{}", place.file(), place.line())
    });
    output::bug(&format!("{what}{place}"));
    Exit::Software
}
