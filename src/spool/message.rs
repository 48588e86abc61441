//! The file of one message, byte by byte.
//!
//! ```text
//! {"authpost":1,"id":"…","created":…,"method":"POST","url":"…",…,"length":11}   one line of JSON
//! {"a":"text"}                                                                   the body, `length` bytes
//! end 0123456789abcdef                                                           FNV-1a/64 of all bytes before it
//! ```
//! Every version has this frame, so a file is known to be complete before its version is read. A head that this version
//! would not write byte for byte is refused, so no member can be overlooked. A message says where its secrets are found,
//! never what they are. This module only writes and reads; `mod.rs` decides where the file is, and syncs it.

use std::fs::File;
use std::io::{self, BufRead, BufReader, BufWriter, Read, Write};
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::time::Duration;

use serde_json::{Value, json};

use super::checksum::{Checksum, END_MARK};
use super::error::{MessageError, damaged};
use super::id::{Id, Tag};
use crate::document::Document;
use crate::json::{self, Pointer};
use crate::request::Family;
use crate::request::job::{Job, Key};
use crate::request::{
    self, Auth, Connection, Expect, Form, Method, Plan, Target, TokenSource, Url,
};
use crate::system::error::{Error, Kind, Result};

/// The version written here, and the only one read.
const VERSION: u64 = 1;

/// The maximum length of a head, with its line feed. The kernel allows no command line that results in a longer one, but a
/// config file can.
const LONGEST_HEAD: u64 = 4 << 20;

/// How much of a message is written at once.
const BUFFER: usize = 256 << 10;

/// A message without its body.
#[derive(Debug)]
pub(crate) struct Message {
    /// Its name.
    pub(crate) id: Id,
    /// When it was accepted, in seconds since 1970.
    pub(crate) created: u64,
    /// The idempotency key.
    pub(crate) key: Option<Key>,
    /// Where it goes.
    pub(crate) target: Rc<Target>,
    /// Whether sending it twice is harmless.
    pub(crate) idempotent: bool,
    /// What the answer has to contain.
    pub(crate) expect: Vec<Expect>,
    /// Whether the answer may be a web page.
    pub(crate) any_answer: bool,
}

const NOT_OURS: &str = "its head is not one that authpost writes";

impl Message {
    /// The message for a `job` of `plan`, with absolute paths. It gets its name when it is accepted.
    ///
    /// # Errors
    /// [`Kind::Usage`] if a path is not UTF-8, or if the head would be too long.
    pub(crate) fn new(plan: &Plan, job: &Job, now: u64) -> Result<Message> {
        let mut target = Target::clone(&job.target);
        if let TokenSource::File(path) | TokenSource::OAuth2(path) = &mut target.auth.source {
            *path = absolute(path)?;
        }
        if let Some((chain, key)) = &mut target.connection.identity {
            *chain = absolute(chain)?;
            *key = absolute(key)?;
        }
        if let Some(file) = target.url.file() {
            let file = absolute(file)?;
            target.url = target.url.read_from(file);
        }
        for path in &mut target.header_files {
            *path = absolute(path)?;
        }
        if let Some(path) = &mut target.connection.cacert {
            *path = absolute(path)?;
        }
        let message = Message {
            id: Id::new(0, &Tag::of(&target)),
            created: now,
            key: job.key.clone(),
            idempotent: plan.policy.idempotent,
            expect: plan.expect.clone(),
            any_answer: plan.any_answer,
            target: Rc::new(target),
        };
        if message.head(job.body.len()).len() as u64 >= LONGEST_HEAD {
            return Err(Error::new(
                Kind::Usage,
                format!(
                    "noting the request in a message: its URL, headers and options are longer than {} MiB",
                    LONGEST_HEAD >> 20
                ),
            )
            .hint("give it fewer or shorter headers, or send it without --spool"));
        }
        Ok(message)
    }

    /// Its job.
    pub(crate) fn job(&self, body: Document) -> Job {
        Job {
            target: self.target.clone(),
            key: self.key.clone(),
            body,
        }
    }

    /// The first line, without its end.
    fn head(&self, length: u64) -> String {
        let Target {
            method,
            url,
            headers,
            is_ndjson,
            header_files,
            auth,
            idempotency_header,
            connection,
        } = &*self.target;
        let expect: Vec<_> = self
            .expect
            .iter()
            .map(|expect| match expect {
                Expect::Value(pointer, value) => json!([pointer.to_string(), value]),
                Expect::Absent(pointer) => json!([pointer.to_string()]),
                Expect::Status(status) => json!(status),
            })
            .collect();
        let (cert, cert_key) = match &connection.identity {
            Some((cert, key)) => (Some(cert), Some(key)),
            None => (None, None),
        };
        let mut head = json!({
            "authpost": VERSION,
            "id": self.id.as_str(),
            "created": self.created,
            "method": method.as_str(),
            "url": url.file().map_or(url.as_str(), |_| url.origin()),
            "headers": headers,
            "header_files": header_files,
            "token": match &auth.source {
                TokenSource::File(path) => json!({ "file": path }),
                TokenSource::Env(name) => json!({ "env": name }),
                TokenSource::Command(command) => json!({ "command": command }),
                TokenSource::OAuth2(path) => json!({ "oauth2": path }),
                TokenSource::None => Value::Null,
            },
            "token_form": match &auth.form {
                Form::Scheme(word) => json!({ "scheme": word }),
                Form::Header(name) => json!({ "header": name }),
            },
            "idempotency_header": idempotency_header,
            "key": self.key.as_ref().map(|key| &key.0),
            "idempotent": self.idempotent,
            "expect": expect,
            "cacert": connection.cacert,
            "cert": cert,
            "cert_key": cert_key,
            "insecure": connection.insecure,
            "allow_http": connection.allow_http,
            "proxy": connection.proxy,
            "family": match connection.family {
                Family::Any => 0,
                Family::V4 => 4,
                Family::V6 => 6,
            },
            "connect_timeout_ms": connection.connect_timeout.as_millis() as u64,
            "max_response": connection.max_response,
            "length": length,
        });
        // Written only if set: messages of older versions do not have these members.
        if self.any_answer {
            head["any_answer"] = true.into();
        }
        if *is_ndjson {
            head["ndjson"] = true.into();
        }
        if let Some(file) = url.file() {
            head["url_file"] = json!(file);
        }
        head.to_string()
    }

    /// Writes the whole file.
    pub(super) fn write(&self, body: &Document, out: &mut impl Write) -> io::Result<()> {
        let head = self.head(body.len()) + "\n";
        let length = head.len() as u64 + body.len() + END_MARK;
        // A small message is written at once, and takes no more memory than it is long: new pages cost more than the write.
        let buffer = |bytes: u64| usize::try_from(bytes).map_or(BUFFER, |it| it.min(BUFFER));
        let mut out = BufWriter::with_capacity(buffer(length + 1), out);
        let mut sum = Checksum::new();
        sum.add(head.as_bytes());
        out.write_all(head.as_bytes())?;
        let mut body = BufReader::with_capacity(buffer(body.len()), body.reader());
        loop {
            let piece = body.fill_buf()?;
            if piece.is_empty() {
                break;
            }
            sum.add(piece);
            out.write_all(piece)?;
            let length = piece.len();
            body.consume(length);
        }
        out.write_all(sum.end_mark().as_bytes())?;
        out.flush()
    }

    /// Reads the file called `id` from its start, and checks every byte of it.
    ///
    /// # Errors
    /// What is wrong with it.
    pub(crate) fn read(
        file: &File,
        id: &Id,
    ) -> std::result::Result<(Message, Document), MessageError> {
        let length = file.metadata()?.len();
        let Some(framed) = length.checked_sub(END_MARK) else {
            return damaged("it is too short");
        };
        let mut input = BufReader::with_capacity(64 << 10, file);
        let mut head = Vec::new();
        (&mut input)
            .take(framed.min(LONGEST_HEAD))
            .read_until(b'\n', &mut head)?;
        let start = head.len() as u64;
        let mut sum = Checksum::new();
        sum.add(&head);
        let mut left = framed - start;
        while left > 0 {
            let piece = input.fill_buf()?;
            let count = piece.len().min(usize::try_from(left).unwrap_or(usize::MAX));
            if count == 0 {
                return damaged("it was cut while it was read");
            }
            sum.add(&piece[..count]);
            input.consume(count);
            left -= count as u64;
        }
        let mut end = Vec::new();
        input.read_to_end(&mut end)?;
        if end != sum.end_mark().as_bytes() {
            return damaged("its checksum does not hold");
        }
        let head = String::from_utf8(head).unwrap_or_default();
        let head = head.trim_end_matches('\n');
        let (message, body) = Message::parse(head, id)?;
        if message.head(body) != head {
            return damaged(NOT_OURS);
        }
        if body != framed - start {
            return damaged("its body has another length than it says");
        }
        let file = file.try_clone()?;
        let document = match message.target.is_ndjson {
            true => Document::from_lines(&file, start, body, "the message"),
            false => Document::from_part(file, start, body, "the message"),
        };
        match document {
            Ok(document) => Ok((message, document)),
            Err(error) if error.kind() == Kind::Data => damaged(error.to_string()),
            Err(error) => Err(MessageError::Unreadable(error.to_string())),
        }
    }

    /// Reads only the head, for a list; the rest is not checked.
    ///
    /// # Errors
    /// What is wrong with it.
    pub(crate) fn glance(file: &File, id: &Id) -> std::result::Result<Message, MessageError> {
        let mut head = Vec::new();
        BufReader::with_capacity(2 << 10, file)
            .take(LONGEST_HEAD)
            .read_until(b'\n', &mut head)?;
        let head = String::from_utf8(head).unwrap_or_default();
        Ok(Message::parse(head.trim_end_matches('\n'), id)?.0)
    }

    /// The message, and the length of its body.
    fn parse(head: &str, id: &Id) -> std::result::Result<(Message, u64), MessageError> {
        let Ok(members) = serde_json::from_str::<Value>(head) else {
            return damaged("its head is not JSON");
        };
        match members["authpost"].as_u64() {
            Some(VERSION) => {}
            Some(version) => return Err(MessageError::Version(version)),
            None => return damaged("its head names no version"),
        }
        let parsed = Message::from_members(&members).zip(members["length"].as_u64());
        match parsed {
            Some((message, _)) if message.id != *id => damaged("its name is not its own"),
            Some((message, _)) if id.tag() != Tag::of(&message.target) => {
                damaged("its name is not that of its target")
            }
            Some(parsed) => Ok(parsed),
            None => damaged(NOT_OURS),
        }
    }

    /// `None` if a member is missing, or has a wrong type or value.
    fn from_members(members: &Value) -> Option<Message> {
        let text = |name: &str| Some(members[name].as_str()?.to_owned());
        let path = |name: &str| Some(PathBuf::from(members[name].as_str()?));
        let all = |name: &str| Some(members[name].as_array()?.iter());
        let pair = |value: &Value| match value.as_array().map(Vec::as_slice) {
            Some([a, b]) => Some((a.as_str()?.to_owned(), b.as_str()?.to_owned())),
            _ => None,
        };
        let one = |name: &str| {
            let (kind, value) = members[name].as_object()?.iter().next()?;
            Some((kind.as_str(), value.as_str()?.to_owned()))
        };
        let source = match one("token") {
            None => TokenSource::None,
            Some(("file", path)) => TokenSource::File(path.into()),
            Some(("env", name)) => TokenSource::Env(name),
            Some(("command", command)) => TokenSource::Command(command),
            Some(("oauth2", path)) => TokenSource::OAuth2(path.into()),
            Some(_) => return None,
        };
        let form = match one("token_form")? {
            ("scheme", word) => Form::Scheme(word),
            ("header", name) => Form::Header(name),
            _ => return None,
        };
        let expect = |value: &Value| {
            if let Some(status) = value.as_u64() {
                return Some(Expect::Status(status.try_into().ok()?));
            }
            let parts = value.as_array()?;
            let pointer = Pointer::parse(parts.first()?.as_str()?).ok()?;
            match parts.get(1) {
                None => Some(Expect::Absent(pointer)),
                Some(value) => {
                    let value = value.as_str()?;
                    json::check(value.as_bytes()).ok()?;
                    Some(Expect::Value(pointer, value.to_owned()))
                }
            }
        };
        let header = |value| {
            let (name, value) = pair(value)?;
            request::check_header(&name, &value).ok()?;
            Some((name, value))
        };
        let url = Url::parse(members["url"].as_str()?).ok()?;
        let url = match members.get("url_file") {
            Some(_) => url.read_from(path("url_file")?),
            None => url,
        };
        Some(Message {
            id: Id::parse(members["id"].as_str()?.as_ref())?,
            created: members["created"].as_u64()?,
            key: text("key").map(Key),
            idempotent: members["idempotent"].as_bool()?,
            expect: all("expect")?.map(expect).collect::<Option<_>>()?,
            any_answer: members.get("any_answer").is_some(),
            target: Rc::new(Target {
                is_ndjson: members.get("ndjson").is_some(),
                method: Method::parse(members["method"].as_str()?)?,
                url,
                headers: all("headers")?.map(header).collect::<Option<_>>()?,
                header_files: all("header_files")?
                    .map(|value| Some(PathBuf::from(value.as_str()?)))
                    .collect::<Option<_>>()?,
                auth: Auth { source, form },
                idempotency_header: text("idempotency_header"),
                connection: Connection {
                    cacert: path("cacert"),
                    identity: path("cert").zip(path("cert_key")),
                    insecure: members["insecure"].as_bool()?,
                    allow_http: members["allow_http"].as_bool()?,
                    proxy: text("proxy"),
                    family: match members["family"].as_u64()? {
                        0 => Family::Any,
                        4 => Family::V4,
                        6 => Family::V6,
                        _ => return None,
                    },
                    connect_timeout: Duration::from_millis(members["connect_timeout_ms"].as_u64()?),
                    max_response: members["max_response"].as_u64()?,
                },
            }),
        })
    }
}

/// The absolute path; it must be UTF-8, because it is written as JSON.
fn absolute(path: &Path) -> Result<PathBuf> {
    let unusable = |why: String| {
        Error::new(
            Kind::Usage,
            format!("noting the path '{}' in a message: {why}", path.display()),
        )
        .hint("give a path in UTF-8, of a file that will still be there when the spool is flushed")
    };
    let absolute =
        std::path::absolute(path).map_err(|why| unusable(crate::system::error::reason(&why)))?;
    match absolute.to_str() {
        Some(_) => Ok(absolute),
        None => Err(unusable("it is not UTF-8".to_owned())),
    }
}
