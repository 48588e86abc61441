//! The document that is sent: from items or from somebody's bytes, checked, and then never changed.
//!
//! Owns the ways to a [`Document`], which is one JSON text or nothing at all; there is no way to make one of anything
//! else. Bytes that were given are the bytes that [`Document::reader`] yields, each time anew, so that a second try
//! sends what the first one sent. It must not know HTTP, the spool, flags or which argument a text came from.
//!
//! What always holds: a text is checked before it is a document; a regular file of any size costs at most 1 MiB; no
//! message quotes more of a document than one byte.

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

/// The most that is kept in memory of a file that can be read again.
const KEPT: u64 = 1 << 20;

/// How much of a file is read at a time.
const PIECE: usize = 64 << 10;

/// A body to send: bytes that have been checked to be one JSON text, or nothing at all.
pub(crate) struct Document(Content);

enum Content {
    Bytes(Vec<u8>),
    /// `len` bytes of the file from `start` on.
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

    /// The object that the items make, in their order; [`empty`](Document::empty) when there are none.
    ///
    /// # Errors
    /// [`Kind::Usage`] when items contradict each other, [`Kind::Input`] when a file cannot be read, [`Kind::Data`] when
    /// a file's content does not fit.
    pub(crate) fn from_items(items: &[Item]) -> Result<Document> {
        match items {
            [] => Ok(Document::empty()),
            items => Ok(Document(Content::Bytes(
                object::object(items)?.into_bytes(),
            ))),
        }
    }

    /// The bytes as they are. `origin` names them in a message (`--data`, `standard input`).
    ///
    /// # Errors
    /// [`Kind::Data`] when they are not one JSON text.
    pub(crate) fn from_bytes(bytes: Vec<u8>, origin: &str) -> Result<Document> {
        json::check(&bytes).map_err(|flaw| not_json(origin, &flaw))?;
        Ok(Document(Content::Bytes(bytes)))
    }

    /// The text that `--data` gives.
    ///
    /// # Errors
    /// [`Kind::Data`] when it is not one JSON text.
    pub(crate) fn from_argument(text: &str) -> Result<Document> {
        Document::from_bytes(text.into(), "--data").map_err(|error| {
            match instead_of_argument(text) {
                Some(remedy) => error.hint(remedy),
                None => error,
            }
        })
    }

    /// The same of a text that the caller keeps, and can name by itself.
    ///
    /// # Errors
    /// The first flaw, when it is not one JSON text.
    pub(crate) fn from_text(text: &[u8]) -> std::result::Result<Document, SyntaxError> {
        json::check(text)?;
        Ok(Document(Content::Bytes(text.to_vec())))
    }

    /// All that `input` has to give, kept in memory. `origin` as for [`from_bytes`](Document::from_bytes).
    ///
    /// # Errors
    /// [`Kind::Input`] when it cannot be read, [`Kind::Data`] when it is not one JSON text.
    pub(crate) fn from_reader(mut input: impl Read, origin: &str) -> Result<Document> {
        let mut bytes = Vec::new();
        input
            .read_to_end(&mut bytes)
            .map_err(|why| Error::io(Kind::Input, format!("reading {origin}"), &why))?;
        Document::from_bytes(bytes, origin)
    }

    /// What is in the file. A regular file of more than 1 MiB is kept open and read again by each
    /// [`reader`](Document::reader); anything else (a pipe, say) is read into memory. Opening a named pipe waits for its
    /// writer.
    ///
    /// # Errors
    /// [`Kind::Input`] when it cannot be read or changes meanwhile, [`Kind::Data`] when it is not one JSON text.
    pub(crate) fn from_file(path: &Path) -> Result<Document> {
        let origin = quoted(&path.to_string_lossy());
        let reading = |why: io::Error| Error::io(Kind::Input, format!("reading {origin}"), &why);
        let file = File::open(path)
            .map_err(|why| Error::io(Kind::Input, format!("opening {origin}"), &why))?;
        let stamp = Stamp::of(&file).map_err(reading)?;
        if !stamp.regular || stamp.len <= KEPT {
            return Document::from_reader(file, &origin);
        }
        let len = stamp.len;
        Document::from_kept(file, 0, len, stamp, &origin)
    }

    /// `len` bytes of the file from `start` on, which are there. More than 1 MiB are left in the file, as for
    /// [`from_file`](Document::from_file). `origin` as for [`from_bytes`](Document::from_bytes).
    ///
    /// # Errors
    /// As for [`from_file`](Document::from_file).
    pub(crate) fn from_part(file: File, start: u64, len: u64, origin: &str) -> Result<Document> {
        let reading = |why: io::Error| Error::io(Kind::Input, format!("reading {origin}"), &why);
        if len > KEPT {
            let stamp = Stamp::of(&file).map_err(reading)?;
            return Document::from_kept(file, start, len, stamp, origin);
        }
        let mut bytes = vec![0; len as usize];
        file.read_exact_at(&mut bytes, start).map_err(reading)?;
        match bytes.is_empty() {
            true => Ok(Document::empty()),
            false => Document::from_bytes(bytes, origin),
        }
    }

    /// Checks what stays in its file.
    fn from_kept(file: File, start: u64, len: u64, stamp: Stamp, origin: &str) -> Result<Document> {
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
                    .map_err(|flaw| not_json(origin, &flaw))?,
                Err(why) if why.kind() == io::ErrorKind::Interrupted => {}
                Err(why) => return Err(reading(why)),
            }
        }
        scanner.finish().map_err(|flaw| not_json(origin, &flaw))?;
        Ok(document)
    }

    /// Whether there is no body at all.
    pub(crate) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How many bytes there are.
    pub(crate) fn len(&self) -> u64 {
        match &self.0 {
            Content::Bytes(bytes) => bytes.len() as u64,
            Content::File { len, .. } => *len,
        }
    }

    /// The bytes, where they are in memory; `None` for a large file.
    pub(crate) fn bytes(&self) -> Option<&[u8]> {
        match &self.0 {
            Content::Bytes(bytes) => Some(bytes),
            Content::File { .. } => None,
        }
    }

    /// The bytes from the start: [`len`](Document::len) of them, or an error.
    ///
    /// For a file, each reader makes sure before its first byte, and again before it hands out its last ones, that the
    /// file still has the length and the modification time that it was checked with; else it fails, and whoever was
    /// promised `len` bytes never gets them all. The file is held open, so renaming or deleting it does no harm. This
    /// does not protect from whoever rewrites the file in place within one tick of the file system's clock (some
    /// milliseconds), through a shared memory map, or with the modification time set back.
    pub(crate) fn reader(&self) -> Reader<'_> {
        Reader {
            document: self,
            at: 0,
        }
    }
}

/// Says how long it is, and nothing that is in it.
impl fmt::Debug for Document {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Document({} bytes)", self.len())
    }
}

/// A JSON array that grows by one text after the other.
#[derive(Debug)]
pub(crate) struct Array(Vec<u8>);

impl Array {
    /// One without elements, with room for so many bytes.
    pub(crate) fn with_capacity(bytes: usize) -> Array {
        let mut text = Vec::with_capacity(bytes);
        text.push(b'[');
        Array(text)
    }

    /// Adds an element, as the bytes it has. Where in the document they stand.
    ///
    /// # Errors
    /// The first flaw, when they are not one JSON text; they are not added then.
    pub(crate) fn push(&mut self, text: &[u8]) -> std::result::Result<Range<usize>, SyntaxError> {
        json::check(text)?;
        if self.0.len() > 1 {
            self.0.push(b',');
        }
        let start = self.0.len();
        self.0.extend_from_slice(text);
        Ok(start..self.0.len())
    }

    /// How long the document would be with another element of so many bytes.
    pub(crate) fn len_with(&self, text: usize) -> usize {
        self.0.len() + usize::from(self.0.len() > 1) + text + 1
    }

    /// The array as a document.
    pub(crate) fn finish(mut self) -> Document {
        self.0.push(b']');
        Document(Content::Bytes(self.0))
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

/// What tells one state of a file from another.
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

fn not_json(origin: &str, flaw: &SyntaxError) -> Error {
    let error = Error::new(Kind::Data, format!("checking {origin}: not JSON: {flaw}"));
    match flaw.what.ends_with("a byte order mark") {
        true => error.hint(
            "cut off the first three bytes: tail -c +4 document.json | authpost -d @- https://api.example.com/data",
        ),
        false => error,
    }
}

/// What to write for a `--data` that is not JSON, but what another program would take.
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

/// A name in quotes, fit for one line of a message: control characters escaped, and not endless.
fn quoted(name: &str) -> String {
    const MOST: usize = 200;
    let mut shown = String::from("'");
    for (count, character) in name.chars().enumerate() {
        match character {
            _ if count == MOST => {
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
