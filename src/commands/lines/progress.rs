//! How far a run over lines came, in the file of `--resume`, so that the same command line goes on from there.
//!
//! Lines are reserved before they are sent: the file says up to which line a run may have come before it sends the first
//! of them. After a crash, the lines between the last settled one and the last reserved one may have been sent, and no
//! others. The file has two slots, written in turn, each with a checksum: when a power cut tears one, the other holds.

mod input;

use std::fs::{self, File, TryLockError};
use std::io::{self, Read};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::{Value, json};

use crate::delivery::exit::Exit;
use crate::document::GroupFormat;
use crate::document::ndjson::{Group, NdjsonReader};
use crate::output;
use crate::request::{Lines, Plan};
use crate::spool::checksum::{Checksum, END_MARK};
use crate::system::error::{Error, Kind, Result};
use crate::system::guard;
use crate::system::time::{Clock, SystemClock};
use input::Input;

/// A slot is a page of its own.
const SLOT: u64 = 4096;

/// How many lines are reserved at most where the disk is fast, and for how long in any case.
const MOST: u64 = 1000;
const PERIOD: Duration = Duration::from_secs(1);

/// A disk is slow where a sync takes more than this part of the time for which lines are reserved.
const PART: u32 = 20;

/// What every slot begins with.
const MAGIC: &str = "{\"authpost_resume\":1,";

/// What a slot says.
#[derive(Clone, Debug)]
struct State {
    device: u64,
    inode: u64,
    /// The checksum of the first `sample` bytes of the input.
    sample: u64,
    sum: String,
    /// What the idempotency keys begin with.
    prefix: String,
    /// The `--skip` that the first run was given: another one is about the lines that are unknown.
    skip: Option<u64>,
    /// The last settled line, and where it ends in the input.
    settled: u64,
    offset: u64,
    /// The last line that may have been sent.
    reserved: u64,
    /// Where the complete lines of the input ended when the lines were reserved.
    end: u64,
    /// Lines and bytes of a group, and 1 if it is sent as NDJSON.
    group: (u64, u64, u64),
}

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
    /// How long that takes, on an average of the last ones.
    cost: Duration,
}

/// Lines of an earlier run that may have been sent, from the first to the last.
type Unknown = (u64, u64);

/// Goes to where the last run came; or tells of the lines that it may have sent, and how this run ends then.
///
/// # Errors
/// [`Kind::Usage`] when the lines come from no regular file; and those of [`Progress::open`].
pub(super) fn resume(
    plan: &Plan,
    lines: &Lines,
    path: &Path,
    reader: &mut NdjsonReader,
) -> Result<std::result::Result<Progress, Exit>> {
    if !reader.is_file() {
        let why = "reading the lines: --resume needs a regular file";
        return Err(Error::new(Kind::Usage, why).hint("write them to a file first"));
    }
    let resend = plan.policy.idempotent;
    let opened = Progress::open(path, reader, lines.skip, lines.group, resend)?;
    Ok(opened.map_err(|(first, last)| {
        let why = format!(
            "the last run was interrupted: the API may have processed lines {first} to {last}"
        );
        let remedy = format!(
            "ask the API, and go on behind the last line that it has: --skip {} to --skip {last}",
            first - 1
        );
        output::error(&Error::new(Kind::Input, why).hint(remedy));
        Exit::IoErr
    }))
}

impl Progress {
    /// Opens the file at `path`, and goes to where the last run over the input of `reader` came. Or says which lines of
    /// that run may have been sent, where they must not be `resend` and no `skip` goes behind them.
    ///
    /// # Errors
    /// [`Kind::Output`] when the file cannot be used, [`Kind::Unreached`] while another run uses it, and [`Kind::Input`]
    /// when the input is another one than the last time.
    fn open(
        path: &Path,
        reader: &mut NdjsonReader,
        skip: Option<u64>,
        group: Option<Group>,
        resend: bool,
    ) -> Result<std::result::Result<Progress, Unknown>> {
        let doing = format!("opening the file of --resume '{}'", path.display());
        let cannot = |why: io::Error| {
            Error::io(Kind::Output, &doing, &why)
                .hint("give --resume a file that this user can write, on a disk of this machine")
        };
        let file = guard::open_lock(path).map_err(cannot)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(Error::new(
                    Kind::Unreached,
                    format!("{doing}: another run uses it"),
                ));
            }
            Err(TryLockError::Error(why)) => return Err(cannot(why)),
        }
        let group = group.map_or((0, 0, 0), |group| {
            let is_ndjson = matches!(group.format, GroupFormat::Ndjson);
            (group.lines as u64, group.bytes as u64, is_ndjson.into())
        });
        let unreadable =
            |why: io::Error| Error::io(Kind::Input, format!("reading {}", reader.origin()), &why);
        let input = Input::of(reader.file()).map_err(unreadable)?;
        let (state, count) = match load(&file).map_err(cannot)? {
            Found::Nothing => {
                let fresh = input.fresh(skip, group).map_err(unreadable)?;
                fs::File::open(parent(path))
                    .and_then(|dir| dir.sync_all())
                    .map_err(cannot)?;
                (fresh, 0)
            }
            Found::Foreign => {
                let why = format!("{doing}: it is no file of --resume");
                return Err(Error::new(Kind::Output, why).hint("give --resume a file of its own"));
            }
            Found::State(state, count) => (state, count),
        };
        if !input.is_that_of(&state).map_err(unreadable)? {
            let why = format!(
                "resuming from '{}': {} is not the file that the last run read; it was rotated or replaced",
                path.display(),
                reader.origin()
            );
            let remedy = format!("remove '{}' to send it from its first line", path.display());
            return Err(Error::new(Kind::Input, why).hint(remedy));
        }
        let mut progress = Progress {
            file,
            path: path.to_owned(),
            state,
            count,
            ahead: 1,
            saved: Duration::ZERO,
            cost: Duration::ZERO,
        };
        let state = &mut progress.state;
        let is_unclean = state.reserved > state.settled;
        let unknown = state.settled..=state.reserved;
        let decided = skip.filter(|skip| state.skip != Some(*skip) && unknown.contains(skip));
        let behind = match (is_unclean, decided) {
            (true, Some(decided)) => decided,
            (true, None) if resend && state.group == group => state.settled,
            (true, None) => {
                // Not all that were reserved need exist.
                reader.go_to((state.offset, state.settled), state.reserved, state.end)?;
                return Ok(Err((state.settled + 1, reader.number())));
            }
            (false, _) => state.settled.max(skip.unwrap_or(0)),
        };
        // Lines that are sent again are grouped as they were.
        if !is_unclean || decided.is_some() {
            state.end = input.complete_lines().map_err(unreadable)?;
            state.group = group;
        }
        reader.go_to((state.offset, state.settled), behind, state.end)?;
        (state.settled, state.offset) = (behind, reader.offset());
        Ok(Ok(progress))
    }

    /// What the idempotency keys begin with.
    pub(super) fn prefix(&self) -> &str {
        &self.state.prefix
    }

    /// The last settled line.
    pub(super) fn settled(&self) -> u64 {
        self.state.settled
    }

    /// Whether lines up to `last` must be reserved before they are sent; now is `now`.
    pub(super) fn must_reserve(&self, last: u64, now: Duration) -> bool {
        last > self.state.reserved || now.saturating_sub(self.saved) >= PERIOD
    }

    /// Reserves the lines up to `last`, and some behind them: few, so that few are unknown after a crash, but so many that
    /// the syncs take little of the time. All up to `settled`, which ends at `offset`, are settled.
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
            _ if passed >= PERIOD => done.max(1),
            more if more <= MOST || passed < PART * self.cost => more,
            _ => (self.ahead / 2).max(MOST),
        };
        (self.state.settled, self.state.offset) = (settled, offset);
        self.state.reserved = last + self.ahead - 1;
        self.save()?;
        self.saved = clock.elapsed();
        self.cost = (3 * self.cost + (self.saved - now)) / 4;
        Ok(())
    }

    /// Notes how the run ended: all up to `settled` are settled, and those behind it up to `unknown` may have been sent.
    ///
    /// # Errors
    /// [`Kind::Output`].
    pub(super) fn finish(&mut self, settled: u64, offset: u64, unknown: Option<u64>) -> Result<()> {
        (self.state.settled, self.state.offset) = (settled, offset);
        self.state.reserved = unknown.unwrap_or(settled);
        self.save()
    }

    fn save(&mut self) -> Result<()> {
        let mut text = self.state.text(self.count + 1).into_bytes();
        text.resize(SLOT as usize, b' ');
        let at = (self.count % 2) * SLOT;
        let written = self
            .file
            .write_all_at(&text, at)
            .and_then(|()| self.file.sync_data());
        written.map_err(|why| {
            let doing = format!("writing the file of --resume '{}'", self.path.display());
            Error::io(Kind::Output, doing, &why).hint("make room on its disk")
        })?;
        self.count += 1;
        Ok(())
    }
}

/// What is in the file.
enum Found {
    Nothing,
    Foreign,
    /// The last state that was written whole, and how often it had been written then.
    State(State, u64),
}

fn load(mut file: &File) -> io::Result<Found> {
    let mut bytes = Vec::new();
    file.by_ref().take(2 * SLOT + 1).read_to_end(&mut bytes)?;
    let slots = bytes.chunks(SLOT as usize);
    let last = slots
        .filter_map(State::parse)
        .max_by_key(|(_, count)| *count);
    Ok(match last {
        _ if bytes.len() as u64 > 2 * SLOT => Found::Foreign,
        Some((state, count)) => Found::State(state, count),
        // The power went in the first write, before anything was sent.
        None if bytes.starts_with(MAGIC.as_bytes()) || bytes.iter().all(|byte| *byte == 0) => {
            Found::Nothing
        }
        None => Found::Foreign,
    })
}

impl State {
    /// The text of a slot, without what fills it up.
    fn text(&self, count: u64) -> String {
        let members = json!({
            "count": count,
            "device": self.device,
            "inode": self.inode,
            "sample": self.sample,
            "sum": self.sum,
            "prefix": self.prefix,
            "skip": self.skip,
            "settled": self.settled,
            "offset": self.offset,
            "reserved": self.reserved,
            "end": self.end,
            "group": [self.group.0, self.group.1, self.group.2],
        });
        let mut text = format!("{MAGIC}{}", &members.to_string()[1..]);
        let mut sum = Checksum::new();
        sum.add(text.as_bytes());
        text.push_str(&sum.end_mark());
        text
    }

    /// What a slot says, and the number of its write; `None` for one that is not whole.
    fn parse(slot: &[u8]) -> Option<(State, u64)> {
        let text = std::str::from_utf8(slot).ok()?.trim_end_matches(' ');
        let (head, end) = text.split_at_checked(text.len().checked_sub(END_MARK as usize)?)?;
        let mut sum = Checksum::new();
        sum.add(head.as_bytes());
        if end != sum.end_mark() {
            return None;
        }
        let members: Value = serde_json::from_str(head).ok()?;
        let number = |name: &str| members[name].as_u64();
        let text = |name: &str| Some(members[name].as_str()?.to_owned());
        let state = State {
            device: number("device")?,
            inode: number("inode")?,
            sample: number("sample")?,
            sum: text("sum")?,
            prefix: text("prefix")?,
            skip: number("skip"),
            settled: number("settled")?,
            offset: number("offset")?,
            reserved: number("reserved")?,
            end: number("end")?,
            group: (
                members["group"][0].as_u64()?,
                members["group"][1].as_u64()?,
                members["group"][2].as_u64()?,
            ),
        };
        Some((state, number("count")?))
    }
}

fn parent(path: &Path) -> &Path {
    match path.parent() {
        Some(dir) if !dir.as_os_str().is_empty() => dir,
        _ => Path::new("."),
    }
}
