//! `mailsend` and `popfetch` as their users run them, against our server and against hostile ones.

mod fake;
mod fetching;
mod harness;
mod sending;
