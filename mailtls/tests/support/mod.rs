//! Two small machines that talk to one another, sockets that cut what passes, and keys.

pub(crate) mod cut;
pub(crate) mod lines;
pub(crate) mod tls;
