//! Making mailboxes.

use mailwire_imap::{
    command::{CommandBody, SpecialUses},
    mailbox::Mailbox,
};

use super::{AccessError, Mailboxes};

impl Mailboxes {
    /// Makes a mailbox.
    ///
    /// # Errors
    ///
    /// [`AccessError::Refused`], where it exists with
    /// [`Code::AlreadyExists`](mailwire_imap::response::Code::AlreadyExists) of most servers.
    ///
    /// # Cancel safety
    ///
    /// As [`Mailboxes::list`].
    ///
    /// ```no_run
    /// # async fn f(mut mailboxes: mailwire::Mailboxes) -> Result<(), Box<dyn std::error::Error>> {
    /// let archive = mailboxes.named("Archive")?;
    /// mailboxes.create(&archive).await?;
    /// # Ok(()) }
    /// ```
    pub async fn create(&mut self, mailbox: &Mailbox) -> Result<(), AccessError> {
        let mailbox = mailbox.clone();
        let uses = SpecialUses::default();
        self.run(CommandBody::Create { mailbox, uses }).await
    }

    /// Adds a mailbox to those that mail programs show.
    ///
    /// # Errors
    ///
    /// [`AccessError`].
    ///
    /// # Cancel safety
    ///
    /// As [`Mailboxes::list`].
    ///
    /// ```no_run
    /// # async fn f(mut mailboxes: mailwire::Mailboxes) -> Result<(), Box<dyn std::error::Error>> {
    /// let archive = mailboxes.named("Archive")?;
    /// mailboxes.subscribe(&archive).await?;
    /// # Ok(()) }
    /// ```
    pub async fn subscribe(&mut self, mailbox: &Mailbox) -> Result<(), AccessError> {
        let mailbox = mailbox.clone();
        self.run(CommandBody::Subscribe { mailbox }).await
    }
}
