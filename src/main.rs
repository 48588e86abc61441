//! authpost: one authenticated JSON POST, from a static binary that is safe to leave alone.
//!
//! A table of contents: the command line becomes a plan, the plan a job, the job an outcome, the outcome an exit code.
//!
#![doc = include_str!("ARCHITECTURE.md")]

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
use commands::{check, flush, queue, send};
use delivery::exit::{Exit, RunEnd};
use system::claim::Claim;
use system::error::Result;
use system::time::SystemClock;

fn main() -> ExitCode {
    std::panic::set_hook(Box::new(|panic| {
        let end = report_panic(panic);
        output::end(&end);
        std::process::exit(end.exit.code().into())
    }));
    let arguments: Vec<_> = std::env::args_os().skip(1).collect();
    let (color, command) = cli::parse(&arguments);
    color.apply();
    let end = command
        .inspect_err(|error| {
            if cli::wants_report(&arguments) {
                // That it cannot be printed is less than why.
                let _ = output::not_sent(error);
            }
        })
        .and_then(run)
        .unwrap_or_else(|error| {
            output::error(&error);
            RunEnd::from(&error)
        });
    output::end(&end);
    ExitCode::from(end.exit.code())
}

/// Does what the command line asks for.
fn run(command: Command) -> Result<RunEnd> {
    let shown = match command {
        // The process ends with the run, so freeing what it used is left to the system.
        Command::Send(plan) => return send::run(Box::leak(plan)),
        Command::Check(plan) => return check::run(&plan),
        Command::Flush(plan) => return flush::run(&plan),
        Command::Retry(chosen) => return queue::retry(&chosen),
        Command::Drop(chosen) => return queue::drop(&chosen),
        Command::List { dir, format } => queue::list(&dir, format, &SystemClock::start()),
        Command::Show(chosen) => queue::show(&chosen, &SystemClock::start()),
        Command::FromCurl(carried) => output::carried(&carried.line, &carried.notes),
        Command::Help { topic, all } => page(&help::help(topic, all, output::columns())),
        Command::Man(which) => page(&cli::man::man(which)),
        Command::Completions(shell) => page(&cli::completions::completions(shell)),
        Command::Version => page(&help::version()),
    };
    // These never send anything, so their last line need not say so.
    shown
        .map(|()| Exit::Ok.into())
        .map_err(|error| error.after(Claim::Unstated))
}

/// Prints a whole page.
fn page(text: &str) -> Result<()> {
    output::page(text.as_bytes())
}

/// Prints one line for a panic: a backtrace in a cron mail would not say what to do.
fn report_panic(panic: &std::panic::PanicHookInfo) -> RunEnd {
    let what = panic.payload_as_str().unwrap_or("no reason given");
    // ureq takes the client's certificate and key for granted and panics where they do not fit together.
    if what.starts_with("valid client auth certificate") {
        output::error(&http::mismatched_identity());
        // Nothing of this document, but a flush may have sent others.
        return Exit::Config.into();
    }
    let place = panic.location().map_or(String::new(), |place| {
        format!(" at {}:{}", place.file(), place.line())
    });
    output::bug(&format!("{what}{place}"));
    RunEnd::new(Exit::Software, Claim::Crashed)
}
