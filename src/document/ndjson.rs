//! Reads lines, each of them one JSON text (NDJSON), as documents.
//!
//! Owns reading them in memory that does not grow with the stream: it holds one line of at most `--max-line` bytes and
//! one group. It must not know what becomes of a document, nor print. Invariants: line numbers are those of the file,
//! so blank and skipped lines count; every line that is not blank is returned once, in order, either in a [`Batch`] or
//! as a [`Next::Bad`]; the bytes of a line are those of the file up to its line feed.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom};
use std::ops::{Range, RangeInclusive};
use std::os::fd::AsFd;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use crate::document::{Document, GroupFormat, Texts};
use crate::json::SyntaxError;
use crate::system::error::{Error, Kind, Result};
use crate::system::time::Deadline;

/// How much is read at a time.
const PIECE: usize = 64 << 10;

/// The lines in one document.
#[derive(Debug)]
pub(crate) struct Batch {
    /// From the first line to the last one; there may be blank lines in between.
    pub(crate) span: RangeInclusive<u64>,
    /// The range of each line in the document.
    places: Vec<Range<usize>>,
}

impl Batch {
    /// The number of lines.
    pub(crate) fn count(&self) -> u64 {
        self.places.len() as u64
    }

    /// The lines, unchanged, taken from their document.
    pub(crate) fn lines<'a>(&'a self, document: &'a Document) -> impl Iterator<Item = &'a [u8]> {
        let bytes = document.bytes().unwrap_or_default();
        self.places.iter().map(|place| &bytes[place.clone()])
    }
}

/// These lines, by number: `line 5`, `lines 5 to 9`.
pub(crate) fn lines_in_words(span: &RangeInclusive<u64>) -> String {
    let (first, last) = (span.start(), span.end());
    match first == last {
        true => format!("line {first}"),
        false => format!("lines {first} to {last}"),
    }
}

/// The limits of one document.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Group {
    /// The maximum number of lines; at least one.
    pub(crate) lines: usize,
    /// The maximum number of bytes, with what is put between the lines; a single line is sent even if it is longer.
    pub(crate) bytes: usize,
    /// How the lines are put together.
    pub(crate) format: GroupFormat,
}

/// The next result of the reader.
#[derive(Debug)]
pub(crate) enum Next {
    /// A document, and the lines in it.
    Document(Document, Batch),
    /// A line that cannot be sent. [`NdjsonReader::rest`] skips it.
    Bad {
        /// Its line number.
        number: u64,
        /// What is wrong with it.
        why: String,
    },
}

/// Reads the lines of a file and makes documents of them.
#[derive(Debug)]
pub(crate) struct NdjsonReader {
    input: BufReader<File>,
    /// What error messages call the file.
    origin: String,
    max_line: u64,
    group: Option<Group>,
    /// How many bytes and lines the last group had. The next one probably needs the same, so it is reserved at once.
    last_group: (usize, usize),
    /// The current line, up to `max_line` bytes of it.
    line: Vec<u8>,
    /// The number of lines begun, which is the number of the current line.
    number: u64,
    /// The current line has not been used yet.
    pending: bool,
    /// The current line continues in the input.
    cut: bool,
    /// A line that is not blank has been read.
    begun: bool,
    /// How many lines to skip at the start.
    skip: u64,
    /// How many bytes were read, and how many before the line at hand.
    read: u64,
    line_start: u64,
    /// How many bytes to read at most.
    end: u64,
}

impl NdjsonReader {
    /// Opens the file, or standard input, and skips this many lines. A line may have `max_line` bytes. Without a `group`,
    /// each line becomes a document.
    ///
    /// # Errors
    /// [`Kind::Input`] if it cannot be read.
    pub(crate) fn open(
        path: Option<&Path>,
        skip: u64,
        max_line: u64,
        group: Option<Group>,
    ) -> Result<NdjsonReader> {
        let origin = match path {
            Some(path) => format!("'{}'", path.display()),
            None => "standard input".to_owned(),
        };
        let file = match path {
            Some(path) => File::open(path),
            None => io::stdin().as_fd().try_clone_to_owned().map(File::from),
        };
        let file = file.map_err(|why| Error::io(Kind::Input, format!("opening {origin}"), &why))?;
        let mut reader = NdjsonReader {
            input: BufReader::with_capacity(PIECE, file),
            origin,
            max_line,
            group,
            last_group: (0, 0),
            line: Vec::new(),
            number: 0,
            pending: false,
            cut: false,
            begun: false,
            skip,
            read: 0,
            line_start: 0,
            end: u64::MAX,
        };
        reader.skip_lines()?;
        Ok(reader)
    }

    /// The file that they come from.
    pub(crate) fn file(&self) -> &File {
        self.input.get_ref()
    }

    /// How messages call it.
    pub(crate) fn origin(&self) -> &str {
        &self.origin
    }

    /// The number of the line at hand, or of the last one.
    pub(crate) fn number(&self) -> u64 {
        self.number
    }

    /// Where the last line that came out ends in the file. All of a bad one must have been read.
    pub(crate) fn offset(&self) -> u64 {
        match self.pending {
            true => self.line_start,
            false => self.read,
        }
    }

    /// Goes behind the line of this number, which ends at this offset, and then over those up to `skip`. What is in the
    /// file from `end` on is not read.
    ///
    /// # Errors
    /// [`Kind::Input`] when it cannot be read.
    pub(crate) fn go_to(
        &mut self,
        (offset, number): (u64, u64),
        skip: u64,
        end: u64,
    ) -> Result<()> {
        let doing = format!("reading {}", self.origin);
        self.input
            .seek(SeekFrom::Start(offset))
            .map_err(|why| Error::io(Kind::Input, doing, &why))?;
        (self.read, self.number, self.skip) = (offset, number, skip);
        self.end = end.max(offset);
        (self.pending, self.cut, self.begun) = (false, false, number > 0);
        while self.number < self.skip && self.advance()? {}
        Ok(())
    }

    /// Whether the lines can be read again.
    pub(crate) fn is_file(&self) -> bool {
        let metadata = self.input.get_ref().metadata();
        metadata.is_ok_and(|metadata| metadata.is_file())
    }

    /// Where the lines end in the file, as far as it is known: not for a pipe.
    pub(crate) fn len(&self) -> Option<u64> {
        let metadata = self.input.get_ref().metadata().ok()?;
        metadata.is_file().then(|| metadata.len().min(self.end))
    }

    /// Starts over at the first line; ignores lines that were appended meanwhile.
    ///
    /// # Errors
    /// [`Kind::Input`] when it cannot be read.
    pub(crate) fn again(mut self) -> Result<NdjsonReader> {
        let doing = format!("reading {} again", self.origin);
        self.input
            .seek(SeekFrom::Start(0))
            .map_err(|why| Error::io(Kind::Input, doing, &why))?;
        self.end = self.read;
        (self.number, self.read) = (0, 0);
        (self.pending, self.cut, self.begun) = (false, false, false);
        self.skip_lines()?;
        Ok(self)
    }

    /// Skips the lines to be skipped, and checks that the first line is not part of a larger document.
    fn skip_lines(&mut self) -> Result<()> {
        while self.number < self.skip && self.advance()? {}
        self.read_line().map(drop)
    }

    /// Whether `file` is the file that the lines are read from.
    pub(crate) fn comes_from(&self, file: &File) -> bool {
        let place = |file: &File| {
            let metadata = file.metadata().ok().filter(|metadata| metadata.is_file())?;
            Some((metadata.dev(), metadata.ino()))
        };
        place(file).is_some_and(|place_of| Some(place_of) == place(self.input.get_ref()))
    }

    /// The next result; `None` at the end.
    ///
    /// # Errors
    /// [`Kind::Input`] if the file cannot be read.
    pub(crate) fn next(&mut self) -> Result<Option<Next>> {
        if !self.read_line()? {
            return Ok(None);
        }
        let first = self.number;
        let mut last = first;
        let (body, places) = match self.group {
            None => match self.take(Document::from_text) {
                Ok(body) => {
                    let whole = 0..self.line.len();
                    (body, vec![whole])
                }
                Err(why) => return Ok(Some(Next::Bad { number: first, why })),
            },
            Some(group) => {
                let (bytes, lines) = self.last_group;
                let mut texts = Texts::with_capacity(group.format, bytes);
                let mut places = Vec::with_capacity(lines);
                while places.len() < group.lines
                    && self.read_line()?
                    && (places.is_empty() || texts.len_with(self.line.len()) <= group.bytes)
                {
                    match self.take(|line| texts.push(line)) {
                        Ok(place) => places.push(place),
                        Err(why) if places.is_empty() => {
                            return Ok(Some(Next::Bad { number: first, why }));
                        }
                        // End the group before this line, so that lines are settled in order.
                        Err(_) => {
                            self.pending = true;
                            break;
                        }
                    }
                    last = self.number;
                }
                let body = texts.finish();
                self.last_group = (body.bytes().map_or(0, <[u8]>::len), places.len());
                (body, places)
            }
        };
        let span = first..=last;
        Ok(Some(Next::Document(body, Batch { span, places })))
    }

    /// Skips the current line, and passes all of it to `sink` piece by piece, without its line feed.
    ///
    /// # Errors
    /// Those of `sink`, and [`Kind::Input`].
    pub(crate) fn rest(&mut self, mut sink: impl FnMut(&[u8]) -> Result<()>) -> Result<()> {
        sink(&self.line)?;
        while std::mem::take(&mut self.cut) {
            self.read_piece(PIECE as u64)?;
            sink(&self.line)?;
        }
        Ok(())
    }

    /// Reads to the end, and returns how many lines were left that are not blank. `None` if the input is not a file, which
    /// may have no end, or if it takes longer than `deadline`.
    pub(crate) fn count_rest(&mut self, deadline: Deadline) -> Option<u64> {
        if !self.input.get_ref().metadata().ok()?.is_file() {
            return None;
        }
        let mut lines = 0;
        while self.read_line().ok()? {
            self.pending = false;
            lines += 1;
            if deadline.is_over() {
                return None;
            }
        }
        Some(lines)
    }

    /// Uses up the current line by calling the function on it; the error is a message.
    fn take<T>(
        &mut self,
        make: impl FnOnce(&[u8]) -> std::result::Result<T, SyntaxError>,
    ) -> std::result::Result<T, String> {
        self.pending = false;
        match self.cut {
            true => Err(format!(
                "it is longer than {} bytes (--max-line)",
                self.max_line
            )),
            false => make(&self.line)
                .map_err(|error| format!("not JSON: column {}: {}", error.column, error.what)),
        }
    }

    /// Advances to the next line that is not blank, unless the current one has not been used. Returns whether there is one.
    fn read_line(&mut self) -> Result<bool> {
        while !self.pending {
            if !self.advance()? {
                return Ok(false);
            }
            let space = |byte: &u8| matches!(byte, b' ' | b'\t' | b'\r');
            self.pending = self.cut || !self.line.iter().all(space);
        }
        Ok(true)
    }

    /// Advances to the next line. Returns whether there is one.
    fn advance(&mut self) -> Result<bool> {
        self.rest(|_| Ok(()))?;
        self.line_start = self.read;
        // Read one byte more than the limit, so that a longer line is detected.
        let more = self.read_piece(self.max_line.saturating_add(1))?;
        self.number += u64::from(more);
        let text = self.line.trim_ascii();
        if !self.begun && matches!(text, b"[" | b"{") {
            let why = format!(
                "reading {}: it is one JSON document over many lines, not NDJSON",
                self.origin
            );
            return Err(Error::new(Kind::Data, why).hint(
                "send it whole with -d @FILE, or write one JSON text per line, as 'jq -c' does",
            ));
        }
        self.begun |= !text.is_empty();
        Ok(more)
    }

    /// Reads at most `most` bytes into `line`, up to a line feed. Returns whether there were any.
    fn read_piece(&mut self, most: u64) -> Result<bool> {
        self.line.clear();
        let input = &mut self.input;
        let left = self.end - self.read;
        let count = input.take(most.min(left)).read_until(b'\n', &mut self.line);
        let count = count
            .map_err(|why| Error::io(Kind::Input, format!("reading {}", self.origin), &why))?
            as u64;
        self.read += count;
        let ended = self.line.pop_if(|byte| *byte == b'\n').is_some();
        self.cut = count == most && !ended;
        Ok(count > 0)
    }
}
