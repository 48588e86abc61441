//! The checksum at the end of a message.

/// FNV-1a with 64 bits: it detects every change of a single byte, and misses other damage once in 2^64.
pub(crate) struct Checksum(u64);

impl Checksum {
    /// The checksum of no bytes.
    pub(crate) fn new() -> Checksum {
        Checksum(0xcbf2_9ce4_8422_2325)
    }

    /// Adds bytes.
    pub(crate) fn add(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = (self.0 ^ u64::from(*byte)).wrapping_mul(0x100_0000_01b3);
        }
    }

    pub(super) fn value(&self) -> u64 {
        self.0
    }

    /// As text.
    pub(crate) fn text(&self) -> String {
        format!("{:016x}", self.0)
    }

    /// The last line of the file, after the bytes that were added.
    pub(crate) fn end_mark(&self) -> String {
        format!("\nend {}\n", self.text())
    }
}

/// The length of that line.
pub(crate) const END_MARK: u64 = 22;
