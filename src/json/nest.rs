//! The stack of open brackets of a JSON text, one bit per bracket: one more word for each 63 levels. Closing more
//! brackets than were opened leaves the stack empty.

/// The open brackets: one bit per level, set for an object.
pub(super) struct Nest {
    /// The outer levels, 63 to a word.
    outer: Vec<u64>,
    /// The innermost levels: the last one in the lowest bit, and a sentinel bit above the first.
    inner: u64,
}

impl Nest {
    /// An empty stack.
    pub(super) fn new() -> Nest {
        Nest {
            outer: Vec::new(),
            inner: 1,
        }
    }

    /// Pushes a bracket.
    #[inline(always)]
    pub(super) fn open(&mut self, object: bool) {
        if self.inner >> 63 == 1 {
            self.begin_word();
        }
        self.inner = self.inner << 1 | u64::from(object);
    }

    #[cold]
    fn begin_word(&mut self) {
        self.outer.push(self.inner);
        self.inner = 1;
    }

    /// Pops the innermost bracket.
    #[inline(always)]
    pub(super) fn close(&mut self) {
        self.inner >>= 1;
        if self.inner == 1 {
            self.inner = self.outer.pop().unwrap_or(1);
        }
    }

    /// Whether no bracket is open.
    pub(super) fn is_empty(&self) -> bool {
        self.inner == 1
    }

    /// Whether the innermost open bracket belongs to an object.
    #[inline(always)]
    pub(super) fn in_object(&self) -> bool {
        self.inner & 1 == 1 && !self.is_empty()
    }

    /// Whether the innermost open bracket belongs to an array.
    #[inline(always)]
    pub(super) fn in_array(&self) -> bool {
        self.inner & 1 == 0
    }
}
