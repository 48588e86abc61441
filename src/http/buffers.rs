//! The bytes between the socket and who reads and writes HTTP or TLS.
//!
//! ureq's own buffers take all of their room, and fill it with zeros, before the first request. The input of these starts
//! small, and grows once it was full: for a long head, and for a long answer.

use ureq::unversioned::transport::Buffers;

/// The input has this much room at first: most answers fit.
const FIRST: usize = 4 << 10;

/// What came in and is not consumed yet, and what goes out.
#[derive(Debug)]
pub(super) struct GrowingBuffers {
    input: Vec<u8>,
    /// The input may grow to this.
    most: usize,
    /// The part of the input that came in and is not consumed.
    consumed: usize,
    filled: usize,
    /// The last time, something of the input could be consumed.
    progress: bool,
    output: Vec<u8>,
    output_size: usize,
}

impl GrowingBuffers {
    /// Buffers that take nothing until they are used.
    pub(super) fn new(most: usize, output_size: usize) -> GrowingBuffers {
        GrowingBuffers {
            input: Vec::new(),
            most,
            consumed: 0,
            filled: 0,
            progress: false,
            output: Vec::new(),
            output_size,
        }
    }

    /// Makes room for more input, if there may be more of it.
    fn make_room(&mut self) {
        let rest = self.consumed..self.filled;
        let was_full = self.filled == self.input.len();
        if was_full && self.input.len() < self.most {
            let size = if self.input.is_empty() {
                FIRST.min(self.most)
            } else {
                self.most
            };
            let mut larger = vec![0; size];
            larger[..rest.len()].copy_from_slice(&self.input[rest.clone()]);
            self.input = larger;
        } else if was_full || rest.is_empty() {
            self.input.copy_within(rest.clone(), 0);
        } else {
            return;
        }
        (self.consumed, self.filled) = (0, rest.len());
    }
}

impl Buffers for GrowingBuffers {
    fn output(&mut self) -> &mut [u8] {
        if self.output.is_empty() {
            self.output = vec![0; self.output_size];
        }
        &mut self.output
    }

    fn input(&self) -> &[u8] {
        &self.input[self.consumed..self.filled]
    }

    fn input_append_buf(&mut self) -> &mut [u8] {
        self.make_room();
        &mut self.input[self.filled..]
    }

    /// ureq takes the room of the input for a body of unknown length, which none of ours is.
    fn tmp_and_output(&mut self) -> (&mut [u8], &mut [u8]) {
        self.make_room();
        self.output();
        (&mut self.input[self.filled..], &mut self.output)
    }

    fn input_appended(&mut self, amount: usize) {
        self.filled += amount;
    }

    fn input_consume(&mut self, amount: usize) {
        self.progress = amount > 0;
        self.consumed += amount;
    }

    fn can_use_input(&self) -> bool {
        self.progress && !self.input().is_empty()
    }
}
