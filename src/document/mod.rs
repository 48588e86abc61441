//! The document to send: built from items or from given bytes, checked, and then never changed.
//!
//! Owns the constructors of [`Document`], which is one valid JSON text, lines of them, or no body; nothing else can
//! become one. [`Document::reader`] yields the given bytes unchanged, and from the start each time, so a second attempt
//! sends what the first one sent. It must not know HTTP, the spool, flags or which argument a text came from.
//!
//! Invariants: a text is checked before it becomes a document; a regular file of any size costs at most 1 MiB of
//! memory; no message quotes more than one byte of a document.

mod item;
pub(crate) mod ndjson;
mod object;
#[cfg(test)]
mod tests;

use std::fmt;
use std::fs::File;
use std::io::{self, Read};
use std::ops::Range;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::Path;

use crate::json::{self, Scanner, SyntaxError};
use crate::system::error::{Error, Kind, Result};

pub(crate) use item::Item;

/// The limit up to which a regular file is kept in memory; a larger one is read again.
const MAX_IN_MEMORY: u64 = 1 << 20;

/// How much of a file is read at a time.
const PIECE: usize = 64 << 10;

/// A request body: bytes that have been checked to be one JSON text, or lines of them; or no body.
pub(crate) struct Document(Content);

enum Content {
    Bytes(Vec<u8>),
    /// `len` bytes of the file, from `start` on.
    File {
        file: File,
        start: u64,
        len: u64,
        stamp: Stamp,
    },
}

impl Document {
    /// No body.
    pub(crate) fn empty() -> Document {
        Document(Content::Bytes(Vec::new()))
    }

    /// The object that the items make, in their order; [`empty`](Document::empty) if there are none.
    ///
    /// # Errors
    /// [`Kind::Usage`] if items contradict each other, [`Kind::Input`] if a file cannot be read, [`Kind::Data`] if the
    /// content of a file is not what its item requires.
    pub(crate) fn from_items(items: &[Item]) -> Result<Document> {
        match items {
            [] => Ok(Document::empty()),
            items => Ok(Document(Content::Bytes(
                object::object(items)?.into_bytes(),
            ))),
        }
    }

    /// The bytes, unchanged. `origin` is what error messages call them (`--data`, `standard input`).
    ///
    /// # Errors
    /// [`Kind::Data`] if they are not one JSON text.
    pub(crate) fn from_bytes(bytes: Vec<u8>, origin: &str) -> Result<Document> {
        json::check(&bytes).map_err(|syntax| not_json(origin, &syntax))?;
        Ok(Document(Content::Bytes(bytes)))
    }

    /// The text given with `--data`.
    ///
    /// # Errors
    /// [`Kind::Data`] if it is not one JSON text.
    pub(crate) fn from_argument(text: &str) -> Result<Document> {
        Document::from_bytes(text.into(), "--data").map_err(|error| {
            match instead_of_argument(text) {
                Some(remedy) => error.hint(remedy),
                None => error,
            }
        })
    }

    /// The same for a text that the caller keeps and can name in its own error message.
    ///
    /// # Errors
    /// The first syntax error, if it is not one JSON text.
    pub(crate) fn from_text(text: &[u8]) -> std::result::Result<Document, SyntaxError> {
        json::check(text)?;
        Ok(Document(Content::Bytes(text.to_vec())))
    }

    /// Everything that `input` yields, kept in memory. `origin` as for [`from_bytes`](Document::from_bytes).
    ///
    /// # Errors
    /// [`Kind::Input`] if it cannot be read, [`Kind::Data`] if it is not one JSON text.
    pub(crate) fn from_reader(mut input: impl Read, origin: &str) -> Result<Document> {
        let mut bytes = Vec::new();
        input
            .read_to_end(&mut bytes)
            .map_err(|why| Error::io(Kind::Input, format!("reading {origin}"), &why))?;
        Document::from_bytes(bytes, origin)
    }

    /// The content of the file. A regular file of more than 1 MiB is kept open and read again by each
    /// [`reader`](Document::reader); anything else (a pipe, for example) is read into memory. Opening a named pipe blocks
    /// until a writer opens it.
    ///
    /// # Errors
    /// [`Kind::Input`] if it cannot be read or changes meanwhile, [`Kind::Data`] if it is not one JSON text.
    pub(crate) fn from_file(path: &Path) -> Result<Document> {
        let origin = quoted(&path.to_string_lossy());
        let reading = |why: io::Error| Error::io(Kind::Input, format!("reading {origin}"), &why);
        let file = File::open(path)
            .map_err(|why| Error::io(Kind::Input, format!("opening {origin}"), &why))?;
        let stamp = Stamp::of(&file).map_err(reading)?;
        if !stamp.regular || stamp.len <= MAX_IN_MEMORY {
            return Document::from_reader(file, &origin);
        }
        let len = stamp.len;
        Document::from_open_file(file, 0, len, stamp, &origin)
    }

    /// `len` bytes of the file from `start` on, which must exist. More than 1 MiB stays in the file, as for
    /// [`from_file`](Document::from_file). `origin` as for [`from_bytes`](Document::from_bytes).
    ///
    /// # Errors
    /// As for [`from_file`](Document::from_file).
    pub(crate) fn from_part(file: File, start: u64, len: u64, origin: &str) -> Result<Document> {
        let reading = |why: io::Error| Error::io(Kind::Input, format!("reading {origin}"), &why);
        if len > MAX_IN_MEMORY {
            let stamp = Stamp::of(&file).map_err(reading)?;
            return Document::from_open_file(file, start, len, stamp, origin);
        }
        let mut bytes = vec![0; len as usize];
        file.read_exact_at(&mut bytes, start).map_err(reading)?;
        match bytes.is_empty() {
            true => Ok(Document::empty()),
            false => Document::from_bytes(bytes, origin),
        }
    }

    /// `len` bytes of the file from `start` on, which are there: lines, each of them one JSON text. `origin` as for
    /// [`from_bytes`](Document::from_bytes).
    ///
    /// # Errors
    /// As for [`from_file`](Document::from_file).
    pub(crate) fn from_lines(file: &File, start: u64, len: u64, origin: &str) -> Result<Document> {
        let mut bytes = vec![0; len as usize];
        file.read_exact_at(&mut bytes, start)
            .map_err(|why| Error::io(Kind::Input, format!("reading {origin}"), &why))?;
        for line in bytes.split_inclusive(|byte| *byte == b'\n') {
            json::check(line).map_err(|syntax| not_json(origin, &syntax))?;
        }
        Ok(Document(Content::Bytes(bytes)))
    }

    /// Checks a document that stays in its file.
    fn from_open_file(
        file: File,
        start: u64,
        len: u64,
        stamp: Stamp,
        origin: &str,
    ) -> Result<Document> {
        let reading = |why: io::Error| Error::io(Kind::Input, format!("reading {origin}"), &why);
        let document = Document(Content::File {
            file,
            start,
            len,
            stamp,
        });
        let mut scanner = Scanner::new();
        let mut reader = document.reader();
        let mut piece = vec![0; PIECE];
        loop {
            match reader.read(&mut piece) {
                Ok(0) => break,
                Ok(count) => scanner
                    .push(&piece[..count])
                    .map_err(|syntax| not_json(origin, &syntax))?,
                Err(why) if why.kind() == io::ErrorKind::Interrupted => {}
                Err(why) => return Err(reading(why)),
            }
        }
        scanner
            .finish()
            .map_err(|syntax| not_json(origin, &syntax))?;
        Ok(document)
    }

    /// Whether there is no body.
    pub(crate) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The length in bytes.
    pub(crate) fn len(&self) -> u64 {
        match &self.0 {
            Content::Bytes(bytes) => bytes.len() as u64,
            Content::File { len, .. } => *len,
        }
    }

    /// The bytes, if they are in memory; `None` for a large file.
    pub(crate) fn bytes(&self) -> Option<&[u8]> {
        match &self.0 {
            Content::Bytes(bytes) => Some(bytes),
            Content::File { .. } => None,
        }
    }

    /// Reads from the start: yields exactly [`len`](Document::len) bytes, or an error.
    ///
    /// For a file, each reader checks before the first byte, and again before it yields the last ones, that the file still
    /// has the length and the modification time that it had when it was checked. If not, it fails, so a peer that was
    /// promised `len` bytes never receives all of them. The file is kept open, so it may be renamed or deleted. This does
    /// not protect against a process that rewrites the file in place within one tick of the file system's clock (some
    /// milliseconds), through a shared memory map, or that sets the modification time back.
    pub(crate) fn reader(&self) -> Reader<'_> {
        Reader {
            document: self,
            at: 0,
        }
    }
}

/// Shows the length, but none of the content.
impl fmt::Debug for Document {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Document({} bytes)", self.len())
    }
}

/// How JSON texts are put into one document.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum GroupFormat {
    /// As the elements of an array.
    #[default]
    Array,
    /// Each in a line of its own (NDJSON).
    Ndjson,
}

/// A document that grows by one JSON text at a time.
#[derive(Debug)]
pub(crate) struct Texts {
    bytes: Vec<u8>,
    format: GroupFormat,
}

impl Texts {
    /// An empty document with memory reserved for this many bytes.
    pub(crate) fn with_capacity(format: GroupFormat, bytes: usize) -> Texts {
        let mut bytes = Vec::with_capacity(bytes);
        if format == GroupFormat::Array {
            bytes.push(b'[');
        }
        Texts { bytes, format }
    }

    /// Appends a text, unchanged. Returns its range in the document.
    ///
    /// # Errors
    /// The first syntax error, if it is not one JSON text; it is not appended then.
    pub(crate) fn push(&mut self, text: &[u8]) -> std::result::Result<Range<usize>, SyntaxError> {
        json::check(text)?;
        if self.needs_comma() {
            self.bytes.push(b',');
        }
        let start = self.bytes.len();
        self.bytes.extend_from_slice(text);
        let end = self.bytes.len();
        if self.format == GroupFormat::Ndjson {
            self.bytes.push(b'\n');
        }
        Ok(start..end)
    }

    /// The length of the document after appending a text of this many bytes.
    pub(crate) fn len_with(&self, text: usize) -> usize {
        self.bytes.len() + usize::from(self.needs_comma()) + text + 1
    }

    fn needs_comma(&self) -> bool {
        self.format == GroupFormat::Array && self.bytes.len() > 1
    }

    /// The finished document.
    pub(crate) fn finish(mut self) -> Document {
        if self.format == GroupFormat::Array {
            self.bytes.push(b']');
        }
        Document(Content::Bytes(self.bytes))
    }
}

/// Reads a [`Document`] from its start.
#[derive(Debug)]
pub(crate) struct Reader<'a> {
    document: &'a Document,
    at: u64,
}

impl Read for Reader<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let left = self.document.len() - self.at;
        let count = buffer
            .len()
            .min(usize::try_from(left).unwrap_or(usize::MAX));
        let buffer = &mut buffer[..count];
        if buffer.is_empty() {
            return Ok(0);
        }
        let count = match &self.document.0 {
            Content::Bytes(bytes) => {
                let start = bytes.len() - left as usize;
                buffer.copy_from_slice(&bytes[start..start + count]);
                count
            }
            Content::File {
                file, start, stamp, ..
            } => {
                let count = file.read_at(buffer, start + self.at)?;
                let ends = self.at == 0 || count as u64 == left;
                if count == 0 || ends && Stamp::of(file)? != *stamp {
                    return Err(io::Error::other("the file changed while it was in use"));
                }
                count
            }
        };
        self.at += count as u64;
        Ok(count)
    }
}

/// Identifies one state of a file.
#[derive(Clone, Copy, PartialEq)]
struct Stamp {
    regular: bool,
    device: u64,
    inode: u64,
    len: u64,
    /// Seconds and nanoseconds.
    modified: (i64, i64),
}

impl Stamp {
    fn of(file: &File) -> io::Result<Stamp> {
        let metadata = file.metadata()?;
        Ok(Stamp {
            regular: metadata.is_file(),
            device: metadata.dev(),
            inode: metadata.ino(),
            len: metadata.len(),
            modified: (metadata.mtime(), metadata.mtime_nsec()),
        })
    }
}

fn not_json(origin: &str, syntax: &SyntaxError) -> Error {
    let error = Error::new(Kind::Data, format!("checking {origin}: not JSON: {syntax}"));
    match syntax.what.ends_with("a byte order mark") {
        true => error.hint(
            "cut off the first three bytes: tail -c +4 document.json | authpost -d @- https://api.example.com/data",
        ),
        false => error,
    }
}

/// The remedy for a `--data` that is not JSON, but that another program would accept.
fn instead_of_argument(text: &str) -> Option<&'static str> {
    if text.starts_with('\'') {
        return Some(
            "the single quotes are a part of the text, as cmd.exe leaves them there; use double quotes: authpost -d \"{\\\"key\\\":\\\"value\\\"}\" https://api.example.com/data",
        );
    }
    if text.starts_with(['{', '[', '"']) {
        return None;
    }
    if text.ends_with(".json") {
        return Some(
            "put @ before the name of a file: authpost -d @document.json https://api.example.com/data",
        );
    }
    text.contains('=')
        .then_some("write items without -d: authpost https://api.example.com/data key=value")
}

/// A name in quotes, for one line of a message: control characters are escaped, and the length is limited.
fn quoted(name: &str) -> String {
    const MAX_SHOWN: usize = 200;
    let mut shown = String::from("'");
    for (count, character) in name.chars().enumerate() {
        match character {
            _ if count == MAX_SHOWN => {
                shown.push('…');
                break;
            }
            character if character.is_control() => shown.extend(character.escape_default()),
            character => shown.push(character),
        }
    }
    shown.push('\'');
    shown
}
