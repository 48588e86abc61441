//! Attempts, retries, deadlines and exit codes.

mod acceptance;
mod cron;
mod deadline;
mod exits;
mod last_line;
mod never_twice;
mod retry;
mod truth;
