//! What a client knows of the mailbox that it has selected.
