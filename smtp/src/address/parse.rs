//! The grammar of addresses over octets.
