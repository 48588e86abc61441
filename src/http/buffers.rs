//! The buffers between the socket and the layers that read and write HTTP or TLS.
//!
//! ureq's own buffers allocate their full size, and fill it with zeros, before the first request. The input buffer here
//! starts small, and grows after it was full: for a long head, and for a long answer. The output buffer is as large as a
//! request needs it.

use ureq::unversioned::transport::Buffers;

/// The initial size of the input buffer: most answers fit.
const FIRST: usize = 4 << 10;

/// The input that has not been consumed yet, and the output.
pub(super) struct GrowingBuffers {
    input: Vec<u8>,
    /// The maximum size of the input buffer.
    most: usize,
    /// The part of the input that was received and has not been consumed.
    consumed: usize,
    filled: usize,
    /// Some of the input could be consumed the last time.
    progress: bool,
    output: Vec<u8>,
    /// The size that the output buffer is to have.
    wanted: usize,
}

impl GrowingBuffers {
    /// Buffers that allocate nothing until they are used.
    pub(super) fn new(most: usize) -> GrowingBuffers {
        GrowingBuffers {
            input: Vec::new(),
            most,
            consumed: 0,
            filled: 0,
            progress: false,
            output: Vec::new(),
            wanted: 0,
        }
    }

    /// Lets the output buffer have at least this size from its next use on. What is in it then is lost.
    pub(super) fn want_output(&mut self, size: usize) {
        self.wanted = self.wanted.max(size);
    }

    /// Grows the input buffer for more input, if more may come.
    fn grow_input(&mut self) {
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
        if self.output.len() < self.wanted {
            self.output = vec![0; self.wanted];
        }
        &mut self.output
    }

    fn input(&self) -> &[u8] {
        &self.input[self.consumed..self.filled]
    }

    fn input_append_buf(&mut self) -> &mut [u8] {
        self.grow_input();
        &mut self.input[self.filled..]
    }

    /// ureq uses the input buffer for a body of unknown length, and our bodies have known lengths.
    fn tmp_and_output(&mut self) -> (&mut [u8], &mut [u8]) {
        self.grow_input();
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
