//! The bar on standard error, where that is a terminal.

use std::io::IsTerminal;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// Octets below which a bar would be gone before it is seen.
const WORTHWHILE: u64 = 1024 * 1024;

/// A bar over this many octets; one that is not shown where nobody would look at it.
///
/// ```
/// let bar = mailwire_examples::client::progress::bar(Some(100), "sending");
/// assert!(bar.is_hidden());
/// ```
#[must_use]
pub fn bar(octets: Option<u64>, what: &'static str) -> ProgressBar {
    let large = octets.is_none_or(|octets| octets >= WORTHWHILE);
    if !large || !std::io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let bar = ProgressBar::with_draw_target(octets, ProgressDrawTarget::stderr());
    let template = match octets {
        Some(_) => "{prefix} {wide_bar} {bytes}/{total_bytes} {bytes_per_sec} {eta}",
        None => "{prefix} {spinner} {bytes} {bytes_per_sec}",
    };
    // The template is a constant; without it the bar looks plainer.
    let style = ProgressStyle::with_template(template);
    bar.with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
        .with_prefix(what)
}

/// A bar over the octets of so many messages, which counts them, too; one that is not shown where
/// nobody would look at it.
///
/// ```
/// use mailwire_examples::client::progress;
/// let bar = progress::messages(5_000_000, 200, "INBOX");
/// progress::step(&bar);
/// assert!(bar.is_hidden());
/// ```
#[must_use]
pub fn messages(octets: u64, count: usize, mailbox: &str) -> ProgressBar {
    if !std::io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let bar = ProgressBar::with_draw_target(Some(octets), ProgressDrawTarget::stderr());
    let template = "{prefix} {wide_bar} {msg} messages {bytes}/{total_bytes} {eta}";
    let style = ProgressStyle::with_template(template);
    // A name may hold what would move the cursor.
    let shown = mailbox.escape_debug().to_string();
    bar.with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
        .with_prefix(shown)
        .with_message(format!("0/{count}"))
}

/// Another message is done.
pub fn step(bar: &ProgressBar) {
    let message = bar.message();
    if let Some((done, count)) = message.split_once('/')
        && let Ok(done) = done.parse::<usize>()
    {
        bar.set_message(format!("{}/{count}", done.saturating_add(1)));
    }
}
