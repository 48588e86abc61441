//! Recognises the file that the lines come from.

use std::fs::File;
use std::io;
use std::os::unix::fs::{FileExt, MetadataExt};

use super::state::State;
use crate::spool::checksum::Checksum;

/// How many bytes of its start, and of its end when it was read, identify it: a file that was truncated and written
/// again keeps its inode, and often its first line.
const START: u64 = 1024;
const END: u64 = 4096;

/// The file with the lines. The device is not part of it: its number changes when some file systems are mounted again.
pub(super) struct Input<'a> {
    file: &'a File,
    pub(super) inode: u64,
    length: u64,
}

impl Input<'_> {
    /// What is known of it.
    pub(super) fn of(file: &File) -> io::Result<Input<'_>> {
        let metadata = file.metadata()?;
        Ok(Input {
            file,
            inode: metadata.ino(),
            length: metadata.len(),
        })
    }

    /// Whether this is the input that the state is about, no shorter than it was. Any input is, if that one had no
    /// complete line yet.
    pub(super) fn is_that_of(&self, state: &State) -> io::Result<bool> {
        Ok(state.end == 0
            || self.inode == state.inode
                && self.length >= state.end
                && self.sum(state.end)? == state.sum)
    }

    /// The checksum of how it begins, and of what is before `end`.
    pub(super) fn sum(&self, end: u64) -> io::Result<String> {
        let mut sum = Checksum::new();
        for range in [0..end.min(START), end.saturating_sub(END)..end] {
            let mut bytes = vec![0; (range.end - range.start) as usize];
            self.file.read_exact_at(&mut bytes, range.start)?;
            sum.add(&bytes);
        }
        Ok(sum.text())
    }

    /// Where its last line feed ends. The rest may be a line that is still being written.
    pub(super) fn complete_lines(&self) -> io::Result<u64> {
        let mut end = self.length;
        let mut piece = vec![0; 64 << 10];
        while end > 0 {
            let start = end.saturating_sub(piece.len() as u64);
            let piece = &mut piece[..(end - start) as usize];
            self.file.read_exact_at(piece, start)?;
            if let Some(at) = piece.iter().rposition(|byte| *byte == b'\n') {
                return Ok(start + at as u64 + 1);
            }
            end = start;
        }
        Ok(0)
    }
}
