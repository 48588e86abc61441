//! The content of the file of `--resume`.
//!
//! It has two slots, written in turn, each with a checksum: if a power cut damages one, the other is intact.

use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::FileExt;

use serde_json::{Value, json};

use crate::spool::checksum::{Checksum, END_MARK};

/// A slot is a page of its own.
const SLOT: u64 = 4096;

/// What every slot begins with, and that of another version of authpost.
const MAGIC: &str = "{\"authpost_resume\":2,";
const ANY_MAGIC: &str = "{\"authpost_resume\":";

/// The content of a slot.
#[derive(Clone, Debug)]
pub(super) struct State {
    /// The inode of the input, and the checksum of its content before `end`.
    pub(super) inode: u64,
    pub(super) sum: String,
    /// Where the complete lines of the input ended when lines were reserved first.
    pub(super) end: u64,
    /// The checksum of the target.
    pub(super) target: String,
    /// The checksum of the options that decide which lines go out under which key.
    pub(super) keying: String,
    /// The prefix of the idempotency keys.
    pub(super) prefix: String,
    /// The `--skip` of the run that reserved the lines. If the next run has another one, it decides what is done about
    /// the lines whose outcome is unknown.
    pub(super) skip: Option<u64>,
    /// The last settled line, and where it ends in the input.
    pub(super) settled: u64,
    pub(super) offset: u64,
    /// The last line that may have been sent.
    pub(super) reserved: u64,
}

/// What is in the file.
pub(super) enum Found {
    /// Nothing was written yet.
    Nothing,
    /// The last state that was written whole, and how often it had been written then.
    State(State, u64),
    /// Neither slot is whole, or a part of the file is missing.
    Damaged,
    /// The file of another version of authpost.
    OtherVersion,
    /// Something else.
    Foreign,
}

/// Reads the file.
///
/// # Errors
/// Those of the file system.
pub(super) fn load(mut file: &File) -> io::Result<Found> {
    let mut bytes = Vec::new();
    file.by_ref().take(2 * SLOT + 1).read_to_end(&mut bytes)?;
    let slots = bytes.chunks(SLOT as usize);
    let last = slots
        .filter_map(State::parse)
        .max_by_key(|(_, count)| *count);
    let begins_with = |magic: &str| bytes.starts_with(magic.as_bytes());
    Ok(match last {
        Some((state, count)) if bytes.len() as u64 == 2 * SLOT => Found::State(state, count),
        // The power may fail before the first state is on disk. Nothing was sent then.
        _ if bytes.iter().all(|byte| *byte == 0) => Found::Nothing,
        _ if begins_with(MAGIC) => Found::Damaged,
        _ if begins_with(ANY_MAGIC) => Found::OtherVersion,
        _ => Found::Foreign,
    })
}

impl State {
    /// Writes it to the file and syncs it; `count` says how often that was done before.
    ///
    /// # Errors
    /// Those of the file system.
    pub(super) fn save(&self, file: &File, count: u64) -> io::Result<()> {
        let mut text = self.text(count + 1).into_bytes();
        // The first time, room is made for both slots, so that later writes succeed even if the disk is full.
        let slots = if count == 0 { 2 } else { 1 };
        text.resize((SLOT * slots) as usize, b' ');
        // If ext4 shuts down meanwhile, the sync may report success; but then a read fails.
        let written = file
            .write_all_at(&text, (count % 2) * SLOT)
            .and_then(|()| file.sync_data())
            .and_then(|()| file.read_exact_at(&mut [0], 0));
        if written.is_err() && count == 0 {
            // A partial file would count as damaged, although nothing was sent.
            let _ = file.set_len(0);
        }
        written
    }

    /// The text of a slot, without what fills it up.
    fn text(&self, count: u64) -> String {
        let members = json!({
            "count": count,
            "inode": self.inode,
            "sum": self.sum,
            "end": self.end,
            "target": self.target,
            "keying": self.keying,
            "prefix": self.prefix,
            "skip": self.skip,
            "settled": self.settled,
            "offset": self.offset,
            "reserved": self.reserved,
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
        if end != sum.end_mark() || !head.starts_with(MAGIC) {
            return None;
        }
        let members: Value = serde_json::from_str(head).ok()?;
        let number = |name: &str| members[name].as_u64();
        let text = |name: &str| Some(members[name].as_str()?.to_owned());
        let state = State {
            inode: number("inode")?,
            sum: text("sum")?,
            end: number("end")?,
            target: text("target")?,
            keying: text("keying")?,
            prefix: text("prefix")?,
            skip: number("skip"),
            settled: number("settled")?,
            offset: number("offset")?,
            reserved: number("reserved")?,
        };
        Some((state, number("count")?))
    }
}
