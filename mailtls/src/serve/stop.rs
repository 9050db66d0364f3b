//! How a server is told to stop, and its connections with it.

use tokio::sync::watch;

/// Makes a pair: what stops, and what is told.
///
/// ```
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
/// let (stop, mut stopped) = mailtls::serve::stop();
/// assert!(!stopped.is_stopped());
/// stop.now();
/// stopped.stopped().await;
/// # });
/// ```
#[must_use]
pub fn stop() -> (Stop, Stopped) {
    let (sender, receiver) = watch::channel(false);
    (Stop(sender), Stopped(receiver))
}

/// Stops everything that holds a [`Stopped`]. Dropping it stops as well.
#[derive(Debug)]
pub struct Stop(watch::Sender<bool>);

impl Stop {
    /// Stops. What holds a [`Stopped`] finishes what is in flight.
    pub fn now(&self) {
        self.0.send_replace(true);
    }
}

/// Is told about the stop.
#[derive(Clone, Debug)]
pub struct Stopped(watch::Receiver<bool>);

impl Stopped {
    /// Whether it has come.
    #[must_use]
    pub fn is_stopped(&self) -> bool {
        *self.0.borrow() || self.0.has_changed().is_err()
    }

    /// Waits for it.
    ///
    /// # Cancel safety
    ///
    /// May be dropped at any point and asked again.
    pub async fn stopped(&mut self) {
        // An error means that the other half is gone, which is a stop as well.
        let _ = self.0.wait_for(|stopped| *stopped).await;
    }
}
