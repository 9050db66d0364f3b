//! LIST: patterns, and what is told of a mailbox.
