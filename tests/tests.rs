//! Tests of authpost from outside: the real binary against scripted servers on real sockets.
//!
//! `AUTHPOST_BIN` names another binary to test; `AUTHPOST_NO_SKIP=1` makes a missing tool a failure.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::print_stderr
)]

mod cautions;
mod check;
mod config;
mod crash;
mod cron;
mod docs;
mod document;
mod exits;
mod figures;
mod framing;
mod http_only_loopback;
mod kept;
mod lines;
mod lines_spool;
mod names;
mod never_twice;
mod oauth2;
mod oauth2_attacks;
mod oauth2_cache;
mod oidc;
mod output;
mod package;
mod proxy;
mod readme;
mod retry;
mod scale;
mod secrets;
mod secrets_echoed;
mod selftest;
mod selftest_tls;
mod send;
mod spool;
mod spool_attacks;
mod support;
mod time;
mod tls;
mod token;
mod usage;
