//! Target `imap_server` for `cargo fuzz`; the body is in the library.
#![cfg_attr(fuzzing, no_main)]

#[cfg(fuzzing)]
libfuzzer_sys::fuzz_target!(|data: &[u8]| mailwire_fuzz::run("imap_server", data));

#[cfg(not(fuzzing))]
fn main() {}
