//! `--lines`: many documents in one run.

mod group_format;
mod ndjson;
mod resume;
mod spooled;
