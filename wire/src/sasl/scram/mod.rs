//! SCRAM-SHA-256, RFC 5802 and RFC 7677: both sides show that they know the password, and neither
//! says it.
//!
//! ```text
//! client                                          server
//!   n,,n=user,r=CNONCE                       ──►             client-first
//!   r=CNONCE SNONCE,s=SALT,i=ITERATIONS      ◄──             server-first
//!   c=biws,r=CNONCE SNONCE,p=ClientProof     ──►             client-final
//!   v=ServerSignature                        ◄──             server-final
//!
//! SaltedPassword  = PBKDF2(password, SALT, ITERATIONS)
//! ClientKey       = HMAC(SaltedPassword, "Client Key")       StoredKey = H(ClientKey)
//! ServerKey       = HMAC(SaltedPassword, "Server Key")
//! AuthMessage     = client-first without its header, server-first, client-final without its proof
//! ClientProof     = ClientKey XOR HMAC(StoredKey, AuthMessage)
//! ServerSignature = HMAC(ServerKey, AuthMessage)
//! ```
//!
//! The server stores salt, iterations, StoredKey and ServerKey. Who steals them can play the
//! server, but cannot log in: that takes ClientKey, and StoredKey is only its hash. Both nonces
//! are in what is proved, so a recorded exchange proves nothing in the next one. `c=` repeats what
//! the client said about channel binding, with the binding data, so nobody on the way can change
//! the one or replace the other.

mod client;
mod keys;
mod message;
mod nonce;
mod server;

pub(super) use client::{Exchange as ClientExchange, Expected};
pub use keys::{Derivation, Derived, InvalidKeys, ScramKeys};
pub use message::ServerErrorValue;
pub use nonce::{InvalidNonce, Nonce};
pub(super) use server::{Exchange as ServerExchange, Finished};
