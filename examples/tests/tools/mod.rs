//! `mailsend`, `popfetch` and `mailfetch` as their users run them, against our server and against hostile ones.

mod copying;
mod defects;
mod fake;
mod fake_imap;
mod fetching;
mod harness;
mod sending;
mod uploading;
