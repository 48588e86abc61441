//! The command line, the config file, help, and what is printed.

mod check;
mod completions;
mod config;
mod docs;
mod from_curl;
mod memory;
mod output;
mod progress;
mod report;
mod suggest;
mod terminal;
mod usage;
