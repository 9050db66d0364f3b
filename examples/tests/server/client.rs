//! A client that says exactly what it is told, in whatever pieces.

use std::time::Duration;

use bytes::BytesMut;
use mailtls::{
    Tls,
    upgrade::{UpgradeError, implicit, upgrade},
};
use mailwire_core::machine::TlsInfo;
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    time::{Instant, timeout},
};

/// A socket or a pipe, with or without TLS.
pub(crate) trait Wire: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Wire for T {}

pub(crate) struct Client {
    io: Box<dyn Wire>,
    /// What has come and was not taken yet.
    pub(crate) input: BytesMut,
    tls: Option<TlsInfo>,
}

impl Client {
    pub(crate) fn over(io: impl Wire + 'static) -> Self {
        Self {
            io: Box::new(io),
            input: BytesMut::new(),
            tls: None,
        }
    }

    /// Sends octets as they are.
    pub(crate) async fn send(&mut self, octets: impl AsRef<[u8]>) {
        self.io.write_all(octets.as_ref()).await.unwrap();
        self.io.flush().await.unwrap();
    }

    /// Sends octets to a server that may have closed already.
    pub(crate) async fn push(&mut self, octets: impl AsRef<[u8]>) {
        let _ = self.io.write_all(octets.as_ref()).await;
        let _ = self.io.flush().await;
    }

    /// Sends one octet every ten seconds until the server has had enough. Answers with what it said
    /// and the seconds that it took.
    pub(crate) async fn drip(&mut self, octets: impl IntoIterator<Item = u8>) -> (String, u64) {
        let begin = Instant::now();
        for octet in octets {
            self.push([octet]).await;
            let rest = timeout(Duration::from_secs(10), self.rest()).await;
            if let Ok(rest) = rest {
                let said = String::from_utf8_lossy(&rest).into_owned();
                return (said, begin.elapsed().as_secs());
            }
        }
        panic!("the server never had enough");
    }

    /// Nothing more will be sent.
    pub(crate) async fn finish(&mut self) {
        self.io.shutdown().await.unwrap();
    }

    /// Waits for more to come; 0 is the end.
    pub(crate) async fn read(&mut self) -> usize {
        // A reset is an end, too.
        self.io.read_buf(&mut self.input).await.unwrap_or_default()
    }

    /// The next line without its CRLF, or `None` where the server has closed.
    pub(crate) async fn try_line(&mut self) -> Option<String> {
        loop {
            if let Some(end) = self.input.windows(2).position(|w| w == b"\r\n") {
                let line = self.input.split_to(end + 2);
                assert!(!line[..end].contains(&b'\n'), "bare LF in {line:?}");
                return Some(String::from_utf8(line[..end].to_vec()).unwrap());
            }
            if self.read().await == 0 {
                return None;
            }
        }
    }

    pub(crate) async fn line(&mut self) -> String {
        self.try_line().await.expect("the server has closed")
    }

    /// A whole reply of SMTP or the first line of one of POP3, or `None` where the server has closed.
    pub(crate) async fn try_reply(&mut self) -> Option<String> {
        let mut reply = self.try_line().await?;
        let mut last = reply.clone();
        while last.as_bytes().get(3) == Some(&b'-')
            && last.starts_with(|c: char| c.is_ascii_digit())
        {
            last = self.line().await;
            reply = format!("{reply}\n{last}");
        }
        Some(reply)
    }

    pub(crate) async fn reply(&mut self) -> String {
        self.try_reply().await.expect("the server has closed")
    }

    /// Sends a line and reads the reply.
    pub(crate) async fn ask(&mut self, line: impl AsRef<[u8]>) -> String {
        self.send([line.as_ref(), b"\r\n"].concat()).await;
        self.reply().await
    }

    /// Sends a line and insists on how the reply begins.
    pub(crate) async fn says(&mut self, line: impl AsRef<[u8]>, begin: &str) -> String {
        let reply = self.ask(line.as_ref()).await;
        let line = String::from_utf8_lossy(line.as_ref()).into_owned();
        assert!(
            reply.starts_with(begin),
            "{line:?}: {reply:?} is not {begin}"
        );
        reply
    }

    /// Reads a reply and insists on how it begins.
    pub(crate) async fn hears(&mut self, begin: &str) -> String {
        let reply = self.reply().await;
        assert!(reply.starts_with(begin), "{reply:?} is not {begin}");
        reply
    }

    /// All that comes until the server closes.
    pub(crate) async fn rest(&mut self) -> Vec<u8> {
        while self.read().await > 0 {}
        self.input.split().to_vec()
    }

    /// Insists that the server closes without another octet.
    pub(crate) async fn closes(&mut self) {
        let rest = self.rest().await;
        assert!(rest.is_empty(), "{:?}", String::from_utf8_lossy(&rest));
    }

    /// One octet, so that it is known that something has come.
    pub(crate) async fn octet(&mut self) -> Option<u8> {
        if self.input.is_empty() {
            self.read().await;
        }
        self.input.first().copied()
    }

    /// The rest of a multi-line response of POP3, with its dots taken off.
    pub(crate) async fn listing(&mut self) -> Vec<u8> {
        let mut octets = Vec::new();
        loop {
            while let Some(end) = self.input.windows(2).position(|w| w == b"\r\n") {
                let line = self.input.split_to(end + 2);
                match line.strip_prefix(b".") {
                    Some(b"\r\n") => return octets,
                    Some(rest) => octets.extend_from_slice(rest),
                    None => octets.extend_from_slice(&line),
                }
            }
            assert_ne!(self.read().await, 0, "the listing has no end");
        }
    }

    /// The handshake behind STARTTLS or STLS.
    pub(crate) async fn upgrade(self, tls: &Tls) -> Result<Self, UpgradeError> {
        let stream = upgrade(self.io, &self.input, tls).await?;
        Ok(Self {
            tls: stream.tls_info(),
            ..Self::over(stream)
        })
    }

    /// The handshake that begins implicit TLS.
    pub(crate) async fn implicit(self, tls: &Tls) -> Result<Self, UpgradeError> {
        let stream = implicit(self.io, tls).await?;
        Ok(Self {
            tls: stream.tls_info(),
            ..Self::over(stream)
        })
    }

    pub(crate) const fn tls(&self) -> Option<&TlsInfo> {
        self.tls.as_ref()
    }

    pub(crate) async fn transaction(&mut self, from: &str, to: &str) {
        self.says(format!("MAIL FROM:<{from}>"), "250 2.1.0").await;
        self.says(format!("RCPT TO:<{to}>"), "250 2.1.5").await;
    }

    /// A whole transaction; `text` is sent as it is, its end included.
    pub(crate) async fn mail(&mut self, from: &str, to: &str, text: impl AsRef<[u8]>) -> String {
        self.transaction(from, to).await;
        self.says("DATA", "354").await;
        self.send(text).await;
        self.reply().await
    }
}
