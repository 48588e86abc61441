//! The verbs for the messages of a spool: `list`, `show`, `retry` and `drop`.
//!
//! Reading needs no lock, because a message never changes; trying its lock only shows whether a run is still sending it.
//! `retry` and `drop` lock a message before they move or remove it, as `flush` does.

mod metrics;
mod row;

use std::cell::RefCell;
use std::collections::HashMap;
use std::ffi::{OsStr, OsString};
use std::path::Path;

use super::flush;
use crate::delivery::exit::{Exit, RunEnd};
use crate::output::{self, page};
use crate::request::{Chosen, ListFormat};
use crate::spool::{Hold, Id, Message, MessageError, Place, Spool};
use crate::system::claim::Claim;
use crate::system::error::{Error, Kind, Result};
use crate::system::time::{self, Clock};
use row::Row;

/// The state of a message in `active` that no process holds.
const ORPHAN: &str = "may have been accepted (its sender was stopped)";

/// The state of a message that is in two places.
const DOUBLE: &str = "may have been accepted (it is in two places)";

/// How many characters of an id `retry` and `drop` require: an empty variable must not match the only message.
const MIN_ID: usize = 4;

/// Output is printed when it is longer than this.
const PIECE: usize = 64 << 10;

/// Lists the messages in `dir`, first the pending and then the dead-lettered ones, or counts them, as metrics.
///
/// # Errors
/// If the spool cannot be read, or standard output not written.
pub(crate) fn list(dir: &Path, format: ListFormat, clock: &dyn Clock) -> Result<()> {
    // The directory may have been created for a spool, and still be empty.
    if Spool::is_prepared(dir)? {
        if format == ListFormat::Metrics {
            return metrics::print_none(dir);
        }
        output::info(&format!("the spool '{}' is empty", dir.display()));
        return Ok(());
    }
    let spool = Spool::open(dir)?;
    let now = clock.unix();
    if format == ListFormat::Metrics {
        return metrics::print(&spool, now);
    }
    let json = format == ListFormat::Json;
    let mut text = String::new();
    let mut entries = entries(&spool)?;
    // Most messages have the same target.
    let mut due_in = HashMap::new();
    let dead = entries.split_off(entries.partition_point(|(place, ..)| *place != Place::Dead));
    for (title, entries) in [("pending", entries), ("dead-lettered", dead)] {
        if !json {
            let count = entries.len();
            text.push_str(&format!("{title}: {count}\n"));
            if count > 0 {
                text.push_str("  ID        AGE     TRIES  NEXT     TO\n");
            }
        }
        for (place, name, is_double) in entries {
            let Some((bytes, message)) = spool.read_unlocked(place, &name, Message::glance) else {
                continue;
            };
            let why_unknown = why_unknown(&spool, place, &name, is_double);
            let row = Row {
                name: name.to_string_lossy().into_owned(),
                // Even if it was found in another place.
                place: why_unknown.map_or(place, |_| Place::Active),
                bytes,
                message,
                retries: spool.retry_state(&name),
                left: Id::parse(&name).map_or(0, |id| {
                    let due_in = due_in.entry(id.tag());
                    *due_in.or_insert_with_key(|tag| spool.backoff(tag).left(now))
                }),
                why_unknown,
            };
            text.push_str(&if json { row.json(now) } else { row.text(now) });
            if text.len() > PIECE {
                page(text.as_bytes())?;
                text.clear();
            }
        }
    }
    page(text.as_bytes())
}

/// Every message, in the order of the list, and whether it is in two places. Each is listed only once.
fn entries(spool: &Spool) -> Result<Vec<(Place, OsString, bool)>> {
    let mut places: Vec<(Place, Vec<OsString>)> = Vec::new();
    let mut doubles = Vec::new();
    for place in Place::ALL {
        let mut names = spool.names(place)?;
        names.retain(|name| {
            let is_known = |(_, names): &(_, Vec<_>)| names.binary_search(name).is_ok();
            // A message that is being moved may also be found twice.
            let is_double = places.iter().any(is_known) && spool.is_double(name);
            if is_double {
                doubles.push(name.clone());
            }
            !is_double
        });
        places.push((place, names));
    }
    // After a backup was restored, all may be in two places.
    doubles.sort_unstable();
    let mut entries = Vec::new();
    for (place, names) in places {
        for name in names {
            let is_double = doubles.binary_search(&name).is_ok();
            entries.push((place, name, is_double));
        }
    }
    Ok(entries)
}

/// Why the API may have accepted a message that no run works on, if it may.
fn why_unknown(spool: &Spool, place: Place, name: &OsStr, is_double: bool) -> Option<&'static str> {
    match place {
        _ if is_double => Some(DOUBLE),
        Place::Active if spool.is_orphan(name) => Some(ORPHAN),
        _ => None,
    }
}

/// Shows one message: its state, and then its request.
///
/// # Errors
/// If there is no such message, or it is damaged.
pub(crate) fn show(chosen: &Chosen, clock: &dyn Clock) -> Result<()> {
    let spool = Spool::open(&chosen.dir)?;
    let prefix = chosen.ids.iter().flatten().next();
    let prefix = prefix.map_or("", String::as_str);
    let (place, name, is_double) = find(&spool, &entries(&spool)?, prefix, 1)?;
    let path = spool.path(place, &name);
    let retries = spool.retry_state(&name);
    let (message, body) = match spool.read_unlocked(place, &name, Message::read) {
        None => return Err(gone(&name)),
        Some((_, Err(why))) => return Err(unusable(&path, &why)),
        Some((_, Ok(whole))) => whole,
    };
    let now = clock.unix();
    let state = match (why_unknown(&spool, place, &name, is_double), place) {
        (Some(why_unknown), _) => why_unknown.to_owned(),
        (_, Place::Queue) => match spool.backoff(&message.id.tag()).left(now) {
            0 => "pending, and due".to_owned(),
            left => format!("pending, due in {}", time::seconds_in_words(left)),
        },
        (_, Place::Active) => "being sent".to_owned(),
        (_, Place::Dead) => "dead-lettered".to_owned(),
    };
    let mut text = format!(
        "id: {}\nstate: {state}\naccepted: {}\ntries: {}\n",
        message.id,
        time::utc(message.created),
        retries.failures
    );
    if !retries.error.is_empty() {
        text.push_str(&format!(
            "last error: {}\n",
            output::printable(&retries.error)
        ));
    }
    if !retries.answer.is_empty() {
        text.push_str("last answer:\n");
        for line in retries.answer.lines() {
            text.push_str(&format!("  {}\n", output::printable(line)));
        }
    }
    page(format!("{text}\n").as_bytes())?;
    output::dry_run(&message.job(body), false, None)
}

/// Requeues dead-lettered messages, and makes pending ones due at once. A message in `active` that the API may have accepted
/// is only dead-lettered: it is sent again if the user retries that.
///
/// # Errors
/// If the spool cannot be used.
pub(crate) fn retry(chosen: &Chosen) -> Result<RunEnd> {
    let tags = RefCell::new(Vec::new());
    let done = match chosen.now {
        true => "requeued",
        false => "requeued; due at the next flush",
    };
    let exit = each(chosen, done, |spool, place, name| {
        let held = match spool.hold(place, name)? {
            Hold::Held(held) => held,
            Hold::Busy => return Err(busy(name)),
            Hold::Gone => return Err(gone(name)),
            Hold::Invalid(why) => return Err(unusable(&spool.path(place, name), &why)),
        };
        let (message, _) = held
            .read()
            .map_err(|why| unusable(&spool.path(place, name), &why))?;
        if let Some(why_unknown) = held.unknown_because(&message) {
            held.dead_letter_because(why_unknown)?;
            let (id, dir) = (&message.id, spool.dir().display());
            output::error(
                &Error::new(
                    Kind::Unreached,
                    format!("{id}: {why_unknown}; dead-lettered"),
                )
                .hint(format!("'authpost retry {dir} {id}' sends it again anyway")),
            );
            return Ok(Exit::IoErr);
        }
        spool.clear_state(name)?;
        held.requeue()?;
        // If another run holds the lock, it is already sending to the target.
        if let Some(mut lock) = spool.lock_target(&message.id.tag())? {
            lock.reset();
        }
        tags.borrow_mut().push(message.id.tag());
        Ok(Exit::Ok)
    })?;
    let tags = tags.into_inner();
    if !chosen.now || tags.is_empty() {
        return Ok(RunEnd::new(exit, Claim::Nothing));
    }
    let end = flush::only(chosen, tags)?;
    Ok(RunEnd {
        exit: exit.or_worse(end.exit),
        // What is told of a message does not end the run silently.
        claim: end.claim.or((exit != Exit::Ok).then_some(Claim::Unstated)),
    })
}

/// Removes messages.
///
/// # Errors
/// If the spool cannot be used.
pub(crate) fn drop(chosen: &Chosen) -> Result<RunEnd> {
    let end = each(chosen, "dropped", |spool, place, name| {
        match spool.hold(place, name)? {
            Hold::Held(held) => held.remove()?,
            Hold::Busy => return Err(busy(name)),
            Hold::Gone => return Err(gone(name)),
            Hold::Invalid(_) => spool.discard(place, name)?,
        }
        Ok(Exit::Ok)
    });
    end.map(RunEnd::from)
        .map_err(|error| error.after(Claim::Unstated))
}

/// Calls `act` for each chosen message; an error does not stop it.
fn each(
    chosen: &Chosen,
    done: &str,
    act: impl Fn(&Spool, Place, &OsStr) -> Result<Exit>,
) -> Result<Exit> {
    let spool = Spool::open(&chosen.dir)?;
    let found: Vec<Result<(Place, OsString)>> = match &chosen.ids {
        Some(ids) => {
            let there = entries(&spool)?;
            let found = ids.iter().map(|prefix| {
                find(&spool, &there, prefix, MIN_ID).map(|(place, name, _)| (place, name))
            });
            found.collect()
        }
        None => {
            let names = spool.names(Place::Dead)?.into_iter();
            names.map(|name| Ok((Place::Dead, name))).collect()
        }
    };
    let (mut count, mut exit) = (0, Exit::Ok);
    for found in found {
        match found.and_then(|(place, name)| act(&spool, place, &name)) {
            Ok(Exit::Ok) => count += 1,
            Ok(other) => exit = exit.or_worse(other),
            Err(error) => {
                output::error(&error);
                exit = exit.or_worse(error.kind().into());
            }
        }
    }
    if !chosen.quiet {
        let messages = if count == 1 { "message" } else { "messages" };
        output::info(&format!("{count} {messages} {done}"));
    }
    Ok(exit)
}

/// The message among `there` that `prefix`, of at least `least` characters, identifies.
fn find(
    spool: &Spool,
    there: &[(Place, OsString, bool)],
    prefix: &str,
    least: usize,
) -> Result<(Place, OsString, bool)> {
    let found: Vec<_> = there
        .iter()
        .filter(|(_, name, _)| match Id::parse(name) {
            Some(id) => id.matches_part(prefix),
            None => name.to_string_lossy().starts_with(prefix),
        })
        .collect();
    let exact = found
        .iter()
        .find(|(_, name, _)| name.to_string_lossy() == prefix);
    let dir = spool.dir().display();
    let not_found =
        |kind, why: &str| Error::new(kind, format!("looking for the message '{prefix}': {why}"));
    match (found.len(), exact) {
        (_, Some(exact)) => Ok((**exact).clone()),
        _ if prefix.chars().count() < least => {
            Err(not_found(Kind::Usage, "that is too short for an id")
                .hint("give at least 4 characters of it"))
        }
        (1, _) => Ok(found[0].clone()),
        (0, _) => Err(
            not_found(Kind::Input, &format!("it is not in the spool '{dir}'"))
                .hint(format!("'authpost list {dir}' shows what is there")),
        ),
        (count, _) => Err(not_found(Kind::Usage, &format!("{count} messages have it"))
            .hint("give more of the id")),
    }
}

fn busy(name: &OsStr) -> Error {
    not_taken(name, "another run is working on it").hint("try again in a moment")
}

fn gone(name: &OsStr) -> Error {
    not_taken(name, "another run has just moved it").hint("list the spool again")
}

fn not_taken(name: &OsStr, why: &str) -> Error {
    let text = format!("taking the message '{}': {why}", name.display());
    Error::new(Kind::Unreached, text)
}

fn unusable(path: &Path, why: &MessageError) -> Error {
    let error = why.of(path);
    match why {
        MessageError::NoMessage(_) => error.hint("inspect it, then drop it"),
        MessageError::Exposed => {
            error.hint(format!("inspect it, then: chmod 600 '{}'", path.display()))
        }
        MessageError::Damaged(_) => {
            error.hint("save what is readable of that file, then drop the message")
        }
        MessageError::Version(_) => error.hint("use the authpost that wrote it"),
        MessageError::Unreadable(_) => error,
    }
}
