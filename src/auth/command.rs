//! `--token-command`: a token from the output of a command.

use std::io::{self, ErrorKind, IsTerminal, Read};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use crate::system::error::{Error, Kind, Result};
use crate::system::secret;
use crate::system::time::{self, Deadline};

/// The output of `sh -c command`. At the deadline, the command is killed with all its children. Its failure counts as
/// temporary: the store that keeps the token may be locked, or down.
pub(super) fn output(command: &str, deadline: Deadline) -> Result<Vec<u8>> {
    const DOING: &str = "running --token-command";
    let failed = |why: &io::Error| {
        Error::io(Kind::Config, DOING, why).hint("let it print the token and nothing else")
    };
    let late = || {
        Error::new(
            Kind::Unreached,
            format!("{DOING}: it did not end in time, and was stopped"),
        )
        .hint("run it by hand to see what it is waiting for, or raise --timeout")
    };
    // A socket, not a pipe: a read from a socket can have a timeout.
    let (mut ours, theirs) = UnixStream::pair().map_err(|why| failed(&why))?;
    // In its own process group, the command can be killed with its children. At a terminal it must stay in ours, so that
    // it can ask for a passphrase.
    let own_group = !io::stdin().is_terminal();
    let mut shell = Command::new("sh");
    shell
        .arg("-c")
        .arg(command)
        .stdin(Stdio::null())
        .stdout(OwnedFd::from(theirs));
    if own_group {
        shell.process_group(0);
    }
    let mut child = shell.spawn().map_err(|why| {
        let starting = format_args!("{DOING}: starting sh");
        match why.kind() {
            // Temporarily too many processes, or too little memory.
            ErrorKind::WouldBlock | ErrorKind::OutOfMemory => {
                Error::io(Kind::Unreached, starting, &why)
                    .hint("raise the limit of processes of this user, or run fewer at a time")
            }
            _ => Error::io(Kind::Config, starting, &why)
                .hint("it needs a shell on this machine: install one, or use --token-file"),
        }
    })?;
    drop(shell); // and with it our copy of the socket's other end
    let ended =
        read_socket(&mut ours, deadline).and_then(|bytes| Ok((bytes, wait(&mut child, deadline)?)));
    let (bytes, status) = match ended {
        Ok(ended) => ended,
        Err(why) => {
            stop(&mut child, own_group);
            return Err(if why.kind() == ErrorKind::TimedOut {
                late()
            } else {
                failed(&why)
            });
        }
    };
    let kind = match status.code() {
        Some(0) => return Ok(bytes),
        // The shell found no such command, or could not execute it: a retry will not help.
        Some(126 | 127) => Kind::Config,
        _ => Kind::Unreached,
    };
    Err(Error::new(kind, format!("{DOING}: it failed ({status})"))
        .hint("run it by hand, as this user and with 'env -i', to see why"))
}

fn read_socket(socket: &mut UnixStream, deadline: Deadline) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let mut buffer = [0; 4096];
    loop {
        let left = deadline.left();
        if left.is_zero() {
            return Err(ErrorKind::TimedOut.into());
        }
        socket.set_read_timeout((left != Duration::MAX).then_some(left))?;
        match socket.read(&mut buffer) {
            Ok(0) => return Ok(bytes),
            Ok(count) => bytes.extend_from_slice(&buffer[..count]),
            Err(error)
                if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => {}
            Err(error) => return Err(error),
        }
        if bytes.len() as u64 > secret::TOO_LARGE {
            return Err(io::Error::other("it printed more than 64 KiB"));
        }
    }
}

/// Waits for a child that has closed its output and so is about to exit.
fn wait(child: &mut Child, deadline: Deadline) -> io::Result<ExitStatus> {
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(status);
        }
        if deadline.is_over() {
            return Err(ErrorKind::TimedOut.into());
        }
        time::sleep(Duration::from_millis(1));
    }
}

fn stop(child: &mut Child, own_group: bool) {
    if own_group {
        // The standard library can signal only a single process; the shell can signal a group.
        let _ = Command::new("sh")
            .args(["-c", "kill -KILL \"-$0\"", &child.id().to_string()])
            .stderr(Stdio::null())
            .status();
    }
    let _ = child.kill();
    let _ = child.wait();
}
