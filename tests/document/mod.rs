//! The JSON document.

mod items;
