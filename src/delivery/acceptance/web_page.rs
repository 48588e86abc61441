//! Web pages: a login form, a captive portal or a proxy answers with one instead of the API, often with status 200.

use crate::http::Answer;

/// How many bytes of a page are searched for its title.
const NEAR: usize = 64 << 10;

/// If the answer is a web page, its title, which may be empty. JSON is not a web page, whatever its content type: it never
/// begins with `<`.
pub(super) fn title(answer: &Answer) -> Option<String> {
    let body = answer
        .body
        .strip_prefix(b"\xef\xbb\xbf")
        .unwrap_or(&answer.body);
    let body = body.trim_ascii_start();
    let begins = |tag: &str| {
        body.get(..tag.len())
            .is_some_and(|start| start.eq_ignore_ascii_case(tag.as_bytes()))
    };
    let is_page = begins("<!doctype") || begins("<html") || begins("<") && says_html(answer);
    is_page.then(|| {
        let near = &body[..body.len().min(NEAR)];
        title_in(&String::from_utf8_lossy(near)).unwrap_or_default()
    })
}

/// Whether the content type is `text/html`, with parameters or without.
fn says_html(answer: &Answer) -> bool {
    let kind = answer.header("content-type").unwrap_or_default();
    let kind = kind.split(';').next().unwrap_or_default().trim();
    kind.eq_ignore_ascii_case("text/html")
}

/// The text of the element `title`, in one line.
fn title_in(page: &str) -> Option<String> {
    // The length does not change, so offsets in it are offsets in the page.
    let lower = page.to_ascii_lowercase();
    let tag = lower.find("<title")?;
    let start = tag + lower[tag..].find('>')? + 1;
    let end = start + lower[start..].find('<')?;
    let words: Vec<_> = page[start..end].split_whitespace().collect();
    Some(words.join(" "))
}
