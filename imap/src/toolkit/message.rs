//! What a message is made of: MIME, ENVELOPE, BODYSTRUCTURE, sections.
