//! `--lines`: many documents in one run.

mod ndjson;
mod resume;
mod spooled;
