//! From the greeting to the login, TLS included, in the one order that is safe.
