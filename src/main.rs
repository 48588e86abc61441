//! authpost: one authenticated JSON POST, from a static binary.
#![allow(dead_code)] // removed as the rooms are furnished
mod error;
mod time;
fn main() {}
