//! The progress of a run over lines, saved in the file of `--resume`, so that the same command line continues from
//! there.
//!
//! Lines are reserved before they are sent: the file says up to which line a run may have come before it sends
//! the first of them. After a crash, the lines between the last settled one and the last reserved one may have been sent, and no
//! others.

mod input;
mod state;

use std::fs::{self, File, TryLockError};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::document::ndjson::NdjsonReader;
use crate::request::job::Key;
use crate::request::{Lines, Plan};
use crate::spool::checksum::Checksum;
use crate::system::error::{Error, Kind, Result};
use crate::system::guard;
use crate::system::time::{Clock, SystemClock};
use input::Input;
use state::{Found, State, load};

/// How many lines are reserved at most if the disk is fast, and for how long in any case.
const MAX_RESERVED: u64 = 1000;
const MAX_PERIOD: Duration = Duration::from_secs(1);

/// A disk is slow if a sync takes more than this part (1/20) of the time for which lines are reserved.
const SLOW_PART: u32 = 20;

/// The file of `--resume`, locked as long as this value lives.
#[derive(Debug)]
pub(super) struct Progress {
    file: File,
    path: PathBuf,
    state: State,
    /// How often it was written.
    count: u64,
    /// How many lines were reserved last, and when.
    ahead: u64,
    saved: Duration,
    /// How long saving takes: a moving average.
    cost: Duration,
}

/// Moves `reader` to where the last run ended, and locks the file of `--resume` for this run.
///
/// # Errors
/// Those of [`Resumption::state`], and [`Kind::Output`] if the file cannot be made.
pub(super) fn resume(
    plan: &Plan,
    lines: &Lines,
    path: &Path,
    reader: &mut NdjsonReader,
) -> Result<Progress> {
    let resumption = Resumption { plan, lines, path };
    let file = guard::open_lock(path).map_err(|why| resumption.cannot_use(&why))?;
    let (state, count) = resumption.state(Some(&file), reader)?;
    if count == 0 {
        // The new file must still have its name when a line that it reserves has been sent.
        File::open(parent(path))
            .and_then(|dir| dir.sync_all())
            .map_err(|why| resumption.cannot_use(&why))?;
    }
    Ok(Progress {
        file,
        path: path.to_owned(),
        state,
        count,
        ahead: 1,
        saved: Duration::ZERO,
        cost: Duration::ZERO,
    })
}

/// Moves `reader` to where a run would continue, and changes nothing. Returns the prefix of the idempotency keys, if
/// an earlier run has chosen it.
///
/// # Errors
/// Those of [`Resumption::state`].
pub(super) fn preview(
    plan: &Plan,
    lines: &Lines,
    path: &Path,
    reader: &mut NdjsonReader,
) -> Result<Option<String>> {
    let resumption = Resumption { plan, lines, path };
    let file = match fs::symlink_metadata(path) {
        Err(why) if why.kind() == io::ErrorKind::NotFound => File::open(parent(path)).map(|_| None),
        _ => guard::open_lock(path).map(Some),
    };
    let file = file.map_err(|why| resumption.cannot_use(&why))?;
    let (state, count) = resumption.state(file.as_ref(), reader)?;
    Ok((count > 0).then_some(state.prefix))
}

/// A run that is to continue where the last one ended.
struct Resumption<'a> {
    plan: &'a Plan,
    lines: &'a Lines,
    path: &'a Path,
}

impl Resumption<'_> {
    /// What the file says, and how often it was written; a fresh state where there is none. `reader` is then where
    /// this run continues.
    ///
    /// # Errors
    /// [`Kind::Output`] when the file cannot be used, [`Kind::Unreached`] while another run uses it, [`Kind::Usage`] when
    /// the lines come from no regular file or go to another target than the last time, [`Kind::Input`] when the input is
    /// another one, and [`Kind::Interrupted`] when the last run may have sent lines that must not be sent again.
    fn state(&self, file: Option<&File>, reader: &mut NdjsonReader) -> Result<(State, u64)> {
        if !reader.is_file() {
            let why = "reading the lines: --resume needs a regular file";
            return Err(Error::new(Kind::Usage, why).hint("write them to a file first"));
        }
        let unreadable =
            |why: io::Error| Error::io(Kind::Input, format!("reading {}", reader.origin()), &why);
        let input = Input::of(reader.file()).map_err(unreadable)?;
        let found = file.map(|file| self.load(file, reader)).transpose()?;
        let (mut state, count) = match found.flatten() {
            Some(found) => found,
            None => (self.fresh(&input), 0),
        };
        if state.target != self.target() {
            return Err(self.other_target(&state));
        }
        if !input.is_that_of(&state).map_err(unreadable)? {
            return Err(self.other_input(reader));
        }
        let is_unclean = state.reserved > state.settled;
        let unknown = state.settled..=state.reserved;
        let skip = self.lines.skip;
        let decided = skip.filter(|skip| state.skip != Some(*skip) && unknown.contains(skip));
        let resend = self.plan.policy.idempotent && state.keying == self.keying();
        let behind = match (is_unclean, decided) {
            (true, Some(decided)) => {
                // What this run sends is reserved anew.
                state.reserved = decided;
                decided
            }
            (true, None) if resend => state.settled,
            (true, None) => {
                // Fewer lines may exist than were reserved.
                reader.go_to((state.offset, state.settled), state.reserved, state.end)?;
                return Err(self.unknown(&state, reader.number()));
            }
            (false, _) => state.settled.max(skip.unwrap_or(0)),
        };
        // Lines that are sent again are sent in the same groups as before, without other lines.
        if !is_unclean || decided.is_some() {
            // The same --skip, given once more, decides nothing about what this run sends.
            state.skip = skip;
            state.inode = input.inode;
            state.end = input.complete_lines().map_err(unreadable)?;
            state.sum = input.sum(state.end).map_err(unreadable)?;
            state.keying = self.keying();
        }
        reader.go_to((state.offset, state.settled), behind, state.end)?;
        (state.settled, state.offset) = (behind, reader.offset());
        Ok((state, count))
    }

    /// Locks the file and reads it; `None` for a new one.
    fn load(&self, file: &File, reader: &NdjsonReader) -> Result<Option<(State, u64)>> {
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(Error::new(
                    Kind::Unreached,
                    format!("{}: another run uses it", self.doing()),
                ));
            }
            Err(TryLockError::Error(why)) => return Err(self.cannot_use(&why)),
        }
        // Another user who writes to the file could decide which lines are skipped.
        let is_foreign = || Ok(file.metadata()?.uid() != guard::user()?);
        let is_foreign = is_foreign().map_err(|why| self.cannot_use(&why))?;
        let (why, remedy) = match load(file).map_err(|why| self.cannot_use(&why))? {
            _ if reader.comes_from(file) => {
                ("--lines reads from it", "give --resume a file of its own")
            }
            _ if is_foreign => (
                "it belongs to another user",
                "run authpost as that user, or give --resume a file of its own",
            ),
            Found::State(state, count) => return Ok(Some((state, count))),
            Found::Nothing => return Ok(None),
            Found::Foreign => (
                "it is no file of --resume",
                "give --resume a file of its own",
            ),
            // A new file under this name would let a run without --skip start over.
            Found::Damaged => (
                "it is damaged",
                "ask the API for the last line that it has, and continue after it with another --resume file and --skip",
            ),
            Found::OtherVersion => (
                "another version of authpost wrote it",
                "use that version; or ask the API for the last line that it has, and continue after it with another \
                 --resume file and --skip",
            ),
        };
        Err(Error::new(Kind::Output, format!("{}: {why}", self.doing())).hint(remedy))
    }

    /// The state before the first run.
    fn fresh(&self, input: &Input) -> State {
        State {
            inode: input.inode,
            sum: Checksum::new().text(),
            end: 0,
            target: self.target(),
            keying: self.keying(),
            prefix: Key::random().0,
            skip: self.lines.skip,
            settled: 0,
            offset: 0,
            reserved: 0,
        }
    }

    /// The checksum of the target: a line number means nothing to another API.
    fn target(&self) -> String {
        let target = &self.plan.target;
        let mut sum = Checksum::new();
        sum.add(format!("{} {}", target.method.as_str(), target.url).as_bytes());
        sum.text()
    }

    /// The checksum of the options that decide which lines go out together, and under which key.
    fn keying(&self) -> String {
        let header = &self.plan.target.idempotency_header;
        let mut sum = Checksum::new();
        let options = (
            &self.lines.group,
            self.lines.max_line,
            &self.plan.key,
            header,
        );
        sum.add(format!("{options:?}").as_bytes());
        sum.text()
    }

    fn doing(&self) -> String {
        format!("opening the file of --resume '{}'", self.path.display())
    }

    fn cannot_use(&self, why: &io::Error) -> Error {
        Error::io(Kind::Output, self.doing(), why).hint(
            "give --resume a regular file that this user can write, on a disk of this machine",
        )
    }

    fn other_target(&self, state: &State) -> Error {
        let path = self.path.display();
        let why = format!("resuming from '{path}': the last run had another URL or --method");
        let moved = match state.reserved > state.settled {
            true => String::new(),
            false => format!(
                "; if the API has moved, continue with another --resume file and --skip {}",
                state.settled
            ),
        };
        Error::new(Kind::Usage, why)
            .hint(format!("give each API a --resume file of its own{moved}"))
    }

    fn other_input(&self, reader: &NdjsonReader) -> Error {
        let path = self.path.display();
        let why = format!(
            "resuming from '{path}': {} is not the file that the last run read; it was rotated or replaced",
            reader.origin()
        );
        Error::new(Kind::Input, why).hint(format!(
            "finish the file of the last run, if it was renamed, with --lines and its new name; then remove '{path}' to \
             send this one from its first line"
        ))
    }

    fn unknown(&self, state: &State, last: u64) -> Error {
        let settled = state.settled;
        let lines = match settled + 1 == last {
            true => format!("line {last}"),
            false => format!("lines {} to {last}", settled + 1),
        };
        let why = format!("the last run was interrupted: the API may have processed {lines}");
        // A --skip that was given before decides nothing, so it is not suggested again.
        let was_given = state.skip == Some(settled);
        let first = settled + u64::from(was_given);
        let skips = match first == last {
            true => format!("--skip {last}"),
            false => format!("--skip {first} to --skip {last}"),
        };
        let mut remedy =
            format!("ask the API, and continue after the last line that it has: {skips}");
        if was_given {
            remedy.push_str(&format!(
                "; if it has none of them: another --resume file and --skip {settled}"
            ));
        }
        if self.plan.policy.idempotent {
            remedy = format!(
                "repeat the last run's --group, --max-line and --idempotency options to send them again; or {remedy}"
            );
        }
        Error::new(Kind::Interrupted, why).hint(remedy)
    }
}

impl Progress {
    /// The prefix of the idempotency keys.
    pub(super) fn prefix(&self) -> &str {
        &self.state.prefix
    }

    /// The last settled line.
    pub(super) fn settled(&self) -> u64 {
        self.state.settled
    }

    /// Whether lines up to `last` must be reserved before they are sent; now is `now`.
    pub(super) fn must_reserve(&self, last: u64, now: Duration) -> bool {
        last > self.state.reserved || now.saturating_sub(self.saved) >= MAX_PERIOD
    }

    /// Reserves the lines up to `last` and some after them: few, so that the outcome of few lines is unknown after a
    /// crash, but enough that the syncs take little of the time. All up to `settled`, which ends at `offset`, are
    /// settled.
    ///
    /// # Errors
    /// [`Kind::Output`]; nothing of what was to be reserved may be sent then.
    pub(super) fn reserve(
        &mut self,
        last: u64,
        (settled, offset): (u64, u64),
        clock: &SystemClock,
    ) -> Result<()> {
        let now = clock.elapsed();
        let done = settled.saturating_sub(self.state.settled);
        let passed = now.saturating_sub(self.saved);
        self.ahead = match 2 * self.ahead {
            _ if passed >= MAX_PERIOD => done.max(1),
            more if more <= MAX_RESERVED || passed < SLOW_PART * self.cost => more,
            _ => (self.ahead / 2).max(MAX_RESERVED),
        };
        (self.state.settled, self.state.offset) = (settled, offset);
        self.state.reserved = last + self.ahead - 1;
        self.save()?;
        self.saved = clock.elapsed();
        self.cost = (3 * self.cost + (self.saved - now)) / 4;
        Ok(())
    }

    /// Saves how the run ended: all up to `settled` are settled, and those after it up to `unknown` may have been sent.
    ///
    /// # Errors
    /// [`Kind::Output`].
    pub(super) fn finish(&mut self, settled: u64, offset: u64, unknown: Option<u64>) -> Result<()> {
        (self.state.settled, self.state.offset) = (settled, offset);
        self.state.reserved = unknown.unwrap_or(settled);
        self.save()
    }

    fn save(&mut self) -> Result<()> {
        self.state.save(&self.file, self.count).map_err(|why| {
            let doing = format!("writing the file of --resume '{}'", self.path.display());
            Error::io(Kind::Output, doing, &why).hint("make room on its disk")
        })?;
        self.count += 1;
        Ok(())
    }
}

fn parent(path: &Path) -> &Path {
    match path.parent() {
        Some(dir) if !dir.as_os_str().is_empty() => dir,
        _ => Path::new("."),
    }
}
