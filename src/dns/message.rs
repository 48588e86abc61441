//! The DNS message format: encodes a question, and parses the bytes of an answer into a [`Reply`]. No sockets, no clock,
//! no policy.
//!
//! The bytes may come from anyone who can send us a datagram, so they are only read with checked indexing. A message
//! that does not answer our question is ignored (`None`); one that does, but is malformed, is [`Reply::Failed`].
//! Compression pointers must point strictly backwards and steps are counted, so parsing a name always ends.
//!
//! RFC 1035 section 4 (messages, compression), RFC 3596 (AAAA).

use std::net::IpAddr;

/// The record types that we ask for.
pub(super) const A: u16 = 1;
pub(super) const AAAA: u16 = 28;

/// More addresses than this are useless to a caller that has to try them one by one.
pub(super) const MAX_ADDRESSES: usize = 16;

const CNAME: u16 = 5;
const IN: u16 = 1;
const HEADER: usize = 12;
const MAX_NAME: usize = 255;
const MAX_LABEL: usize = 63;
/// How many aliases are followed, so that a loop ends.
const MAX_ALIASES: usize = 32;

const RESPONSE: u16 = 0x8000;
const OPCODE: u16 = 0x7800;
const AUTHORITATIVE: u16 = 0x0400;
const TRUNCATED: u16 = 0x0200;
const RECURSION_DESIRED: u16 = 0x0100;
const RECURSION_AVAILABLE: u16 = 0x0080;
const RCODE: u16 = 0x000F;

/// One question: the addresses of one family for one name.
pub(super) struct Query<'a> {
    /// Identifies our answer, together with the port and the question itself.
    pub(crate) id: u16,
    /// The name, encoded by [`encode`].
    pub(crate) name: &'a [u8],
    /// [`A`] or [`AAAA`].
    pub(crate) kind: u16,
}

/// The content of an answer.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Reply {
    /// At least one address, at most [`MAX_ADDRESSES`], in the server's order, without duplicates.
    Addresses(Vec<IpAddr>),
    /// The name exists, but has no address of this kind.
    NoAddress,
    /// The name does not exist (NXDOMAIN).
    NoSuchName,
    /// The answer did not fit: repeat the question over TCP.
    Truncated,
    /// The server cannot or will not answer. The text continues the server's name: `answered SERVFAIL`.
    Failed(&'static str),
}

/// Encodes a host name for a DNS message: labels that each carry their length, then the root. The name has no trailing
/// dot.
///
/// Returns why it cannot be a host name; the text continues "the name".
pub(super) fn encode(name: &str) -> Result<Vec<u8>, &'static str> {
    if !name.is_ascii() {
        return Err("is not ASCII; DNS needs its punycode form (xn--...)");
    }
    let mut wire = Vec::with_capacity(name.len() + 2);
    for label in name.as_bytes().split(|&byte| byte == b'.') {
        match u8::try_from(label.len()) {
            Ok(0) => return Err("is empty, or has an empty part between two dots"),
            Ok(len) if usize::from(len) <= MAX_LABEL => wire.push(len),
            _ => return Err("has a part of more than 63 characters"),
        }
        // RFC 952 allows no underscore, but it is in use.
        if !label
            .iter()
            .all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(byte))
        {
            return Err("has a character that is not a letter, digit, hyphen or dot");
        }
        wire.extend_from_slice(label);
    }
    wire.push(0);
    if wire.len() > MAX_NAME {
        return Err("has more than 253 characters");
    }
    Ok(wire)
}

impl Query<'_> {
    /// Encodes the question as a message.
    pub(super) fn message(&self) -> Vec<u8> {
        let mut message = Vec::with_capacity(HEADER + self.name.len() + 4);
        for field in [self.id, RECURSION_DESIRED, 1, 0, 0, 0] {
            message.extend_from_slice(&field.to_be_bytes());
        }
        message.extend_from_slice(self.name);
        message.extend_from_slice(&self.kind.to_be_bytes());
        message.extend_from_slice(&IN.to_be_bytes());
        message
    }

    /// The reply in `message` to this question; `None` if it answers another one, or is not an answer.
    pub(super) fn reply(&self, message: &[u8]) -> Option<Reply> {
        let flags = u16_at(message, 2)?;
        if u16_at(message, 0)? != self.id || flags & (RESPONSE | OPCODE) != RESPONSE {
            return None;
        }
        let refusal = match flags & RCODE {
            0 | 3 => None,
            1 => Some("answered FORMERR (it did not understand the question)"),
            2 => Some("answered SERVFAIL (it could not find out)"),
            4 => Some("answered NOTIMP (it does not answer such questions)"),
            5 => Some("answered REFUSED (it does not answer us)"),
            _ => Some("answered with an unknown error"),
        };
        let questions = u16_at(message, 4)?;
        let answers = u16_at(message, 6)?;
        let additional = u16_at(message, 10)?;
        // Servers that did not understand the question do not always repeat it.
        if let (Some(why), 0) = (refusal, questions) {
            return Some(Reply::Failed(why));
        }

        let mut name = Vec::with_capacity(MAX_NAME);
        let at = name_at(message, HEADER, &mut name)?;
        // Lengths are below 64 and letters above, so a comparison of the encoded names that ignores case is exact.
        if questions != 1
            || !name.eq_ignore_ascii_case(self.name)
            || u16_at(message, at)? != self.kind
            || u16_at(message, at + 2)? != IN
        {
            return None;
        }

        Some(if let Some(why) = refusal {
            Reply::Failed(why)
        } else if flags & RCODE != 0 {
            Reply::NoSuchName
        } else if flags & TRUNCATED != 0 {
            Reply::Truncated
        } else if answers == 0
            && additional == 0
            && flags & (AUTHORITATIVE | RECURSION_AVAILABLE) == 0
        {
            // glibc and Go recognize a referral in the same way.
            Reply::Failed("only refers to other servers (it does not recurse)")
        } else {
            self.addresses(message, at + 4, answers)
                .unwrap_or(Reply::Failed("sent a malformed answer"))
        })
    }

    /// Follows the aliases from our name to addresses, through records in any order. Each alias takes one pass over the
    /// records, which needs no memory and bounds a loop of aliases. `None`: malformed.
    fn addresses(&self, message: &[u8], start: usize, count: u16) -> Option<Reply> {
        let mut wanted = self.name.to_vec();
        let mut owner = Vec::with_capacity(MAX_NAME);
        for _ in 0..=MAX_ALIASES {
            let mut found = Vec::new();
            let mut alias = None;
            let mut at = start;
            for _ in 0..count {
                at = name_at(message, at, &mut owner)?;
                let kind = u16_at(message, at)?;
                let class = u16_at(message, at + 2)?;
                let data = at + 10; // after the time to live and the length
                let end = data + usize::from(u16_at(message, at + 8)?);
                let rdata = message.get(data..end)?;
                at = end;
                if class != IN || !owner.eq_ignore_ascii_case(&wanted) {
                    continue;
                }
                if kind == self.kind {
                    let address = address(kind, rdata)?;
                    if found.len() < MAX_ADDRESSES && !found.contains(&address) {
                        found.push(address);
                    }
                } else if kind == CNAME {
                    let mut target = Vec::with_capacity(MAX_NAME);
                    if name_at(message, data, &mut target)? != end {
                        return None;
                    }
                    alias.get_or_insert(target);
                }
            }
            if !found.is_empty() {
                return Some(Reply::Addresses(found));
            }
            match alias {
                Some(target) => wanted = target,
                None => return Some(Reply::NoAddress),
            }
        }
        Some(Reply::Failed(
            "answered with aliases (CNAME) that have no end",
        ))
    }
}

fn address(kind: u16, rdata: &[u8]) -> Option<IpAddr> {
    if kind == A {
        <[u8; 4]>::try_from(rdata).ok().map(IpAddr::from)
    } else {
        <[u8; 16]>::try_from(rdata).ok().map(IpAddr::from)
    }
}

fn u16_at(message: &[u8], at: usize) -> Option<u16> {
    let bytes = message.get(at..)?.first_chunk()?;
    Some(u16::from_be_bytes(*bytes))
}

/// Decompresses the name at `start` into `name`; returns its end in the message.
fn name_at(message: &[u8], start: usize, name: &mut Vec<u8>) -> Option<usize> {
    name.clear();
    let mut at = start;
    let mut end = None;
    // The start of the current run of labels. A pointer must point before it, which excludes loops.
    let mut run = start;
    // A name has at most 127 labels, and a correct encoder needs no more pointers than labels.
    for _ in 0..MAX_NAME {
        let len = *message.get(at)?;
        match len >> 6 {
            0b00 => {
                let label = message.get(at..=at + usize::from(len))?;
                name.extend_from_slice(label);
                if name.len() > MAX_NAME {
                    return None;
                }
                at += label.len();
                if len == 0 {
                    return Some(end.unwrap_or(at));
                }
            }
            0b11 => {
                let target = usize::from(u16_at(message, at)? & 0x3FFF);
                if target >= run {
                    return None;
                }
                end.get_or_insert(at + 2);
                run = target;
                at = target;
            }
            _ => return None,
        }
    }
    None
}
