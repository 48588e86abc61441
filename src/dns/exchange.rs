//! The exchange with one name server: sends questions and receives the matching answers, over UDP and, if an answer is
//! truncated, over TCP.

use std::fmt;
use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use super::address::connected;
use super::message::{Query, Reply};
use crate::system::error::reason;
use crate::system::time::Deadline;

/// We do not offer EDNS, so answers should have at most 512 bytes; some servers send more.
const MAX_DATAGRAM: usize = 4096;
/// How long to wait for the addresses of the second family once those of the first have arrived. Some firewalls drop
/// one of the two answers, and the connection needs the time that waiting longer would cost.
pub(super) const SECOND_FAMILY_WAIT: Duration = Duration::from_secs(1);

/// Why a server gave no result. Its `Display` text continues the server's name.
pub(super) enum ServerError {
    Silent,
    Unreachable(String),
    Text(&'static str),
}

impl From<io::Error> for ServerError {
    fn from(error: io::Error) -> ServerError {
        match error.kind() {
            io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut => ServerError::Silent,
            io::ErrorKind::UnexpectedEof => ServerError::Text("closed the connection early"),
            _ => ServerError::Unreachable(reason(&error)),
        }
    }
}

impl fmt::Display for ServerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ServerError::Silent => f.write_str("did not answer"),
            ServerError::Unreachable(why) => write!(f, "cannot be asked: {why}"),
            ServerError::Text(what) => f.write_str(what),
        }
    }
}

pub(super) struct Question<'a> {
    pub(super) query: Query<'a>,
    pub(super) reply: Option<Reply>,
}

/// Assigns a received message to the question that it answers. Other messages are dropped, so that a forger has to
/// guess correctly, not only be early. Returns how long to wait for the remaining answers.
fn assign_reply(questions: &mut [Question<'_>], message: &[u8], deadline: Deadline) -> Deadline {
    for question in questions {
        if question.reply.is_none() {
            question.reply = question.query.reply(message);
            if matches!(question.reply, Some(Reply::Addresses(_))) {
                return deadline.at_most(SECOND_FAMILY_WAIT);
            }
        }
    }
    deadline
}

fn all_answered(questions: &[Question<'_>]) -> bool {
    questions.iter().all(|question| question.reply.is_some())
}

/// Sends all questions to `server` at once from a new port, and collects the answers; uses TCP if one is truncated.
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
        deadline = assign_reply(questions, message, deadline);
        if questions
            .iter()
            .any(|question| question.reply == Some(Reply::Truncated))
        {
            return over_tcp(server, questions, deadline);
        }
    }
    Ok(())
}

/// Sends the unanswered and truncated questions on one connection.
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
            // A question is much shorter than 64 KiB.
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
        deadline = assign_reply(questions, &message, deadline);
    }
    Ok(())
}

/// A stream that ends with its deadline, even if the peer sends byte by byte.
struct Bounded<'a>(&'a TcpStream, Deadline);

impl Read for Bounded<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.set_read_timeout(Some(left(self.1)?))?;
        self.0.read(buffer)
    }
}

/// The remaining time as a socket timeout, where zero would mean "no timeout".
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
