//! Reading a whole frame: atoms, strings, numbers and lists (RFC 9051 §9).
//!
//! A frame is a whole command or response, its literals inline, without the CRLF that ends it. So
//! nothing is ever incomplete here: what is missing is an error.

mod class;
mod cursor;
mod span;
mod word;

pub use cursor::Cursor;
pub use span::{Form, Span, Text};

pub(crate) use class::{is_astring_char, is_atom_char, is_list_char, is_tag_char};
pub(crate) use word::{Upper, is_plain, specials};
