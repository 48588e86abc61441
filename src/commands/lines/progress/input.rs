//! What the file with the lines is known by.

use std::fs::File;
use std::io;
use std::os::unix::fs::{FileExt, MetadataExt};

use super::State;
use crate::request::job::Key;
use crate::spool::checksum::Checksum;

/// How much of its start it is known by.
const SAMPLE: u64 = 1024;

/// The file with the lines.
pub(super) struct Input<'a> {
    file: &'a File,
    device: u64,
    inode: u64,
    length: u64,
}

impl Input<'_> {
    /// What is known of it.
    pub(super) fn of(file: &File) -> io::Result<Input<'_>> {
        let metadata = file.metadata()?;
        Ok(Input {
            file,
            device: metadata.dev(),
            inode: metadata.ino(),
            length: metadata.len(),
        })
    }

    /// The state before the first run over it.
    pub(super) fn fresh(&self, skip: Option<u64>, group: (u64, u64, u64)) -> io::Result<State> {
        let sample = self.length.min(SAMPLE);
        Ok(State {
            device: self.device,
            inode: self.inode,
            sample,
            sum: self.sum(sample)?,
            prefix: Key::random().0,
            skip,
            settled: 0,
            offset: 0,
            reserved: 0,
            end: 0,
            group,
        })
    }

    /// Whether this is the input that the state is about, no shorter than it was.
    pub(super) fn is_that_of(&self, state: &State) -> io::Result<bool> {
        Ok((self.device, self.inode) == (state.device, state.inode)
            && self.length >= state.offset.max(state.sample).max(state.end)
            && self.sum(state.sample)? == state.sum)
    }

    /// The checksum of its first bytes.
    fn sum(&self, length: u64) -> io::Result<String> {
        let mut bytes = vec![0; length as usize];
        self.file.read_exact_at(&mut bytes, 0)?;
        let mut sum = Checksum::new();
        sum.add(&bytes);
        Ok(sum.end_mark().trim().to_owned())
    }

    /// Where its last line feed ends. What is behind that may still be being written.
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
