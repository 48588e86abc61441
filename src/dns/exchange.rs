//! The exchange with one name server: questions out, the answers that belong to them in, over UDP and, where an answer
//! is truncated, over TCP.

use std::fmt;
use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use super::address::connected;
use super::message::{Query, Reply};
use crate::system::error::reason;
use crate::system::time::Deadline;

/// We offer no EDNS, so answers have 512 bytes; some servers do not care.
const MAX_DATAGRAM: usize = 4096;
/// With addresses of one family in hand, how long the other family's are waited for. Some firewalls let through only one
/// of two answers; the time that this would cost belongs to the connection.
pub(super) const STRAGGLER: Duration = Duration::from_secs(1);

/// Why a server was of no use. Displayed, it reads after the server's name.
pub(super) enum ServerError {
    Silent,
    Unreachable(String),
    Said(&'static str),
}

impl From<io::Error> for ServerError {
    fn from(error: io::Error) -> ServerError {
        match error.kind() {
            io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut => ServerError::Silent,
            io::ErrorKind::UnexpectedEof => ServerError::Said("closed the connection early"),
            _ => ServerError::Unreachable(reason(&error)),
        }
    }
}

impl fmt::Display for ServerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ServerError::Silent => f.write_str("did not answer"),
            ServerError::Unreachable(why) => write!(f, "cannot be asked: {why}"),
            ServerError::Said(what) => f.write_str(what),
        }
    }
}

pub(super) struct Question<'a> {
    pub(super) query: Query<'a>,
    pub(super) reply: Option<Reply>,
}

/// Gives a message that came in to the question that it answers. Others are dropped, so that a forger has to guess
/// right rather than only be early. Returns how long the rest is worth waiting for.
fn sort_in(questions: &mut [Question<'_>], message: &[u8], deadline: Deadline) -> Deadline {
    for question in questions {
        if question.reply.is_none() {
            question.reply = question.query.reply(message);
            if matches!(question.reply, Some(Reply::Addresses(_))) {
                return deadline.at_most(STRAGGLER);
            }
        }
    }
    deadline
}

fn all_answered(questions: &[Question<'_>]) -> bool {
    questions.iter().all(|question| question.reply.is_some())
}

/// Sends all questions to `server` at once from a fresh port, and gathers the answers; over TCP where one is truncated.
pub(super) fn over_udp(
    server: SocketAddr,
    questions: &mut [Question<'_>],
    mut deadline: Deadline,
) -> io::Result<()> {
    let socket = connected(server)?;
    for question in &*questions {
        let message = question.query.message();
        uninterrupted(|| socket.send(&message))?;
    }
    let mut buffer = [0; MAX_DATAGRAM];
    while !all_answered(questions) {
        let len = uninterrupted(|| {
            socket.set_read_timeout(Some(left(deadline)?))?;
            socket.recv(&mut buffer)
        })?;
        let message = buffer.get(..len).unwrap_or_default();
        deadline = sort_in(questions, message, deadline);
        if questions
            .iter()
            .any(|question| question.reply == Some(Reply::Truncated))
        {
            return over_tcp(server, questions, deadline);
        }
    }
    Ok(())
}

/// Asks what is unanswered or truncated, on one connection.
pub(super) fn over_tcp(
    server: SocketAddr,
    questions: &mut [Question<'_>],
    mut deadline: Deadline,
) -> io::Result<()> {
    let mut request = Vec::new();
    for question in &mut *questions {
        question.reply.take_if(|reply| *reply == Reply::Truncated);
        if question.reply.is_none() {
            let message = question.query.message();
            // A question is far shorter than 64 KiB.
            request.extend_from_slice(&(message.len() as u16).to_be_bytes());
            request.extend_from_slice(&message);
        }
    }
    let stream = TcpStream::connect_timeout(&server, left(deadline)?)?;
    stream.set_write_timeout(Some(left(deadline)?))?;
    (&stream).write_all(&request)?;
    while !all_answered(questions) {
        let mut bounded = Bounded(&stream, deadline);
        let mut len = [0; 2];
        bounded.read_exact(&mut len)?;
        let mut message = vec![0; u16::from_be_bytes(len).into()];
        bounded.read_exact(&mut message)?;
        deadline = sort_in(questions, &message, deadline);
    }
    Ok(())
}

/// A stream that ends with its deadline, even when it delivers byte by byte.
struct Bounded<'a>(&'a TcpStream, Deadline);

impl Read for Bounded<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.set_read_timeout(Some(left(self.1)?))?;
        self.0.read(buffer)
    }
}

/// What is left, as sockets want it: they read zero as "for ever".
fn left(deadline: Deadline) -> io::Result<Duration> {
    match deadline.left() {
        Duration::ZERO => Err(io::ErrorKind::TimedOut.into()),
        left => Ok(left),
    }
}

fn uninterrupted<T>(mut call: impl FnMut() -> io::Result<T>) -> io::Result<T> {
    loop {
        match call() {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            result => return result,
        }
    }
}
