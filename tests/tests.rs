//! Tests of authpost from outside: the real binary against scripted servers on real sockets.
//!
//! `AUTHPOST_BIN` names another binary to test; `AUTHPOST_NO_SKIP=1` makes a missing tool a failure.
#![allow(unreachable_pub)] // what is shared is pub, however deep it lies
#![allow(
    clippy::missing_docs_in_private_items,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::print_stderr
)]

mod architecture;
mod auth;
mod cli;
mod delivery;
mod document;
mod http;
mod lines;
mod release;
mod spool;
mod support;
