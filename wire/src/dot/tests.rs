//! The decoder and encoder against naive versions of themselves.
